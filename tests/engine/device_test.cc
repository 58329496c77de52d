#include "fedtorch/engine/device.h"

#include "fedtorch/core/errors.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fedtorch::engine {
namespace {

std::string MessageOf(const std::string& name) {
  try {
    OpenDevice(name);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Device, TheProcessorIsAlwaysThere) {
  EXPECT_EQ(OpenDevice("cpu").name, "cpu");
  EXPECT_EQ(ChooseDevice("cpu").reason, "runtime.device says so");
}

TEST(Device, WrongNamesSayWhatIsExpected) {
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda0", ""}) {
    EXPECT_EQ(MessageOf(name),
              std::string("error: runtime.device: ") + name +
                  " is no device; expected auto, cpu, cuda or cuda:N with N "
                  "from 0");
  }
}

TEST(Device, WithoutADriverCudaSaysSoAndAutoTakesTheProcessor) {
  if (dlopen("libcuda.so.1", RTLD_LAZY) != nullptr) {
    GTEST_SKIP() << "an NVIDIA driver is present";
  }
  for (const char* name : {"cuda", "cuda:1"}) {
    EXPECT_EQ(MessageOf(name),
              std::string("error: runtime.device: ") + name +
                  " was asked for, but no NVIDIA driver was found "
                  "(libcuda.so.1); use runtime.device=cpu, or auto to take a "
                  "GPU where there is one");
  }
  const DeviceChoice choice = ChooseDevice("auto");
  EXPECT_EQ(choice.device.name, "cpu");
  EXPECT_EQ(choice.reason, "no NVIDIA driver was found (libcuda.so.1)");
}

}  // namespace
}  // namespace fedtorch::engine
