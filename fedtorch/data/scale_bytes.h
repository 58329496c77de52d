#pragma once

#include <cstddef>
#include <cstdint>

namespace fedtorch::data {

/// Writes value * factor - shift, each rounded once to float, for `count`
/// bytes: the same bits on every instruction set. Threads: safe.
void ScaleBytes(const std::uint8_t* from,
                std::size_t count,
                float factor,
                float shift,
                float* to);

}  // namespace fedtorch::data
