#include "fedtorch/config/section.h"

#include "fedtorch/config/state.h"

#include <utility>

namespace fedtorch::config {
namespace {

template <class T>
void SetFallback(AskedKey& key, const std::optional<T>& fallback) {
  if (fallback) key.fallback = {Scalar(*fallback)};
}

template <class T>
void SetListFallback(AskedKey& key,
                     const std::optional<std::vector<T>>& fallback) {
  key.is_list = true;
  if (!fallback) return;
  key.fallback.emplace();
  for (const T& value : *fallback) key.fallback->emplace_back(value);
}

template <class T>
std::vector<T> Unpack(const std::vector<Scalar>& scalars) {
  std::vector<T> values;
  for (const Scalar& scalar : scalars) values.push_back(std::get<T>(scalar));
  return values;
}

// Returns nullopt for null and for the word auto.
template <class T>
std::optional<T> UnpackOptional(const std::vector<Scalar>& scalars) {
  const T* value = std::get_if<T>(&scalars.front());
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

AskedKey OptionalKey(const Key& key, KeyType type) {
  AskedKey asked(key, type);
  asked.nullable = true;
  asked.fallback = {Scalar()};
  return asked;
}

}  // namespace

std::int64_t Section::Int(const Key& key,
                          std::optional<std::int64_t> fallback,
                          IntRange range) {
  AskedKey asked(key, KeyType::kInteger);
  asked.ints = range;
  SetFallback(asked, fallback);
  return std::get<std::int64_t>(state_->Read(node_, std::move(asked)).front());
}

double Section::Real(const Key& key,
                     std::optional<double> fallback,
                     RealRange range) {
  AskedKey asked(key, KeyType::kReal);
  asked.reals = range;
  SetFallback(asked, fallback);
  return std::get<double>(state_->Read(node_, std::move(asked)).front());
}

bool Section::Bool(const Key& key, std::optional<bool> fallback) {
  AskedKey asked(key, KeyType::kBoolean);
  SetFallback(asked, fallback);
  return std::get<bool>(state_->Read(node_, std::move(asked)).front());
}

std::string Section::Text(const Key& key, std::optional<std::string> fallback) {
  AskedKey asked(key, KeyType::kText);
  SetFallback(asked, fallback);
  return std::get<std::string>(state_->Read(node_, std::move(asked)).front());
}

std::string Section::Choice(const Key& key,
                            const std::vector<std::string_view>& values,
                            std::optional<std::string> fallback) {
  AskedKey asked(key, KeyType::kChoice);
  asked.choices.assign(values.begin(), values.end());
  SetFallback(asked, fallback);
  return std::get<std::string>(state_->Read(node_, std::move(asked)).front());
}

std::optional<std::int64_t> Section::OptionalInt(const Key& key,
                                                 IntRange range) {
  AskedKey asked = OptionalKey(key, KeyType::kInteger);
  asked.ints = range;
  return UnpackOptional<std::int64_t>(state_->Read(node_, std::move(asked)));
}

std::optional<double> Section::OptionalReal(const Key& key, RealRange range) {
  AskedKey asked = OptionalKey(key, KeyType::kReal);
  asked.reals = range;
  return UnpackOptional<double>(state_->Read(node_, std::move(asked)));
}

std::optional<std::string> Section::OptionalText(const Key& key) {
  return UnpackOptional<std::string>(
      state_->Read(node_, OptionalKey(key, KeyType::kText)));
}

std::optional<std::int64_t> Section::AutoInt(const Key& key, IntRange range) {
  AskedKey asked(key, KeyType::kInteger);
  asked.ints = range;
  asked.automatic = true;
  asked.fallback = {Scalar("auto")};
  return UnpackOptional<std::int64_t>(state_->Read(node_, std::move(asked)));
}

std::optional<double> Section::AutoReal(const Key& key, RealRange range) {
  AskedKey asked(key, KeyType::kReal);
  asked.reals = range;
  asked.automatic = true;
  asked.fallback = {Scalar("auto")};
  return UnpackOptional<double>(state_->Read(node_, std::move(asked)));
}

std::vector<std::int64_t> Section::Ints(
    const Key& key,
    std::optional<std::vector<std::int64_t>> fallback,
    IntRange range) {
  AskedKey asked(key, KeyType::kInteger);
  asked.ints = range;
  SetListFallback(asked, fallback);
  return Unpack<std::int64_t>(state_->Read(node_, std::move(asked)));
}

std::vector<double> Section::Reals(const Key& key,
                                   std::optional<std::vector<double>> fallback,
                                   RealRange range) {
  AskedKey asked(key, KeyType::kReal);
  asked.reals = range;
  SetListFallback(asked, fallback);
  return Unpack<double>(state_->Read(node_, std::move(asked)));
}

std::vector<std::string> Section::Texts(
    const Key& key, std::optional<std::vector<std::string>> fallback) {
  AskedKey asked(key, KeyType::kText);
  SetListFallback(asked, fallback);
  return Unpack<std::string>(state_->Read(node_, std::move(asked)));
}

std::vector<FlowList> Section::FlowLists(const Key& key) {
  return state_->ReadFlowLists(node_, key);
}

std::optional<Section> Section::OptionalChild(const Key& key) {
  const int child = state_->OpenOptionalChild(node_, key);
  if (child < 0) return std::nullopt;
  return Section(state_, child);
}

Section Section::Child(const Key& key) {
  return Section(state_, state_->OpenChild(node_, key, false));
}

std::vector<Section> Section::Children(const Key& key) {
  std::vector<Section> sections;
  for (const int index : state_->OpenChildren(node_, key)) {
    sections.push_back(Section(state_, index));
  }
  return sections;
}

bool Section::Has(std::string_view name) const {
  return state_->Has(node_, name);
}

void Section::Fail(std::string_view name, const std::string& message) {
  state_->Fail(node_, name, message);
}

std::string Section::path() const { return state_->section(node_).path; }

bool Section::recording() const { return state_->recording; }

Section::ChosenKind Section::ChooseKind(
    const Key& key,
    const std::vector<KindFacts>& kinds,
    std::optional<std::string_view> fallback) {
  const int child = state_->OpenChild(node_, key, true);
  ChosenKind chosen;
  chosen.index = state_->ChooseKind(child, kinds, fallback);
  chosen.section = std::unique_ptr<Section>(new Section(state_, child));
  return chosen;
}

std::optional<std::size_t> Section::ChooseKindHere(
    const std::vector<KindFacts>& kinds,
    std::optional<std::string_view> fallback) {
  return state_->ChooseKind(node_, kinds, fallback);
}

}  // namespace fedtorch::config
