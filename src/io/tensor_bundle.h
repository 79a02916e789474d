#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "adze/tensor.h"
#include "io/sstable.h"
#include "proto/tensor_bundle.pb.h"

namespace adze {

// What PREFIX.index holds.
struct BundleIndex {
  int num_shards = 1;
  std::map<std::string, proto::BundleEntryProto> entries;  // by key
};
// kBadFile if the index is damaged or an entry contradicts itself.
BundleIndex ParseBundleIndex(std::string_view bytes, const SsTableOptions& options = {});

// The tensor of an entry from its bytes in the data file, which are checked against the CRC.
Tensor DecodeBundleTensor(const proto::BundleEntryProto& entry, std::string bytes);

// The bytes of a tensor in a data file; *crc becomes their masked checksum.
std::string EncodeBundleTensor(const Tensor& tensor, uint32_t* crc);

// The key under which a part of a partitioned tensor is stored.
std::string SliceKey(const std::string& name, const proto::TensorSliceProto& slice);

// Where a part lies: begin and length along each axis of the whole. kBadFile if it does not fit.
struct SliceExtent {
  int64_t begin = 0, length = 0;
};
std::vector<SliceExtent> ExtentsOf(const proto::TensorSliceProto& slice, const Shape& whole);
// Calls copy(begin in the part, begin in the whole, elements) for each run of elements that lie
// together in a part and in the whole.
void ForEachRun(const std::vector<SliceExtent>& extents, const Shape& whole,
                const std::function<void(int64_t, int64_t, int64_t)>& copy);

}  // namespace adze
