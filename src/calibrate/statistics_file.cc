#include <bit>
#include <set>

#include "adze/content_hash.h"
#include "adze/error.h"
#include "adze/file.h"
#include "adze/statistics.h"
#include "adze/varint.h"

namespace adze {
namespace {

// The file: kMagic, the version, the parts in the order of Writer::Write, a hash of all that.
constexpr std::string_view kMagic = "ADZESTAT";
constexpr uint64_t kVersion = 2;
constexpr size_t kHashBytes = sizeof(uint64_t);

void AppendFixed(uint64_t value, size_t size, std::string* bytes) {
  for (size_t i = 0; i < size; ++i) bytes->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t TakeFixed(size_t size, std::string_view* bytes) {
  Require(bytes->size() >= size, ErrorCode::kBadFile, "the data ends too early");
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<uint8_t>((*bytes)[i])} << (8 * i);
  }
  bytes->remove_prefix(size);
  return value;
}

uint64_t HashOf(std::string_view bytes) {
  ContentHash hash;
  hash.Add(bytes);
  return hash.value();
}

class Writer {
 public:
  explicit Writer(std::string* bytes) : bytes_(bytes) {}

  void Write(const Statistics& statistics) {
    Write(statistics.origin.graph);
    Write(statistics.origin.feeding);
    AppendVarint(statistics.samples.size(), bytes_);
    for (const SampleRange& range : statistics.samples) Write(range);
    Write(statistics.rest);
    AppendVarint(statistics.taps.size(), bytes_);
    for (const TapStatistics& tap : statistics.taps) {
      Write(tap.tensor);
      tap.histogram.Serialize(bytes_);
      Write(tap.channels);
    }
  }

 private:
  void Write(const std::string& text) {
    AppendVarint(text.size(), bytes_);
    *bytes_ += text;
  }
  void Write(const SampleRange& range) {
    Write(range.data);
    AppendVarint(range.begin, bytes_);
    AppendVarint(range.end, bytes_);
  }
  void Write(const ChannelStatistics& channels) {
    AppendVarint(channels.max_abs.size(), bytes_);
    if (channels.empty()) return;
    AppendVarint(channels.count, bytes_);
    for (size_t c = 0; c < channels.max_abs.size(); ++c) {
      AppendFixed(std::bit_cast<uint32_t>(channels.max_abs[c]), 4, bytes_);
      AppendFixed(channels.sums[c].low, 8, bytes_);
      AppendFixed(static_cast<uint64_t>(channels.sums[c].high), 8, bytes_);
    }
  }

  std::string* bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Statistics Read() {
    Statistics statistics;
    statistics.origin.graph = ReadText();
    statistics.origin.feeding = ReadText();
    for (uint64_t left = ReadCount(3); left > 0; --left) {
      const SampleRange range = ReadRange();
      const bool follows = statistics.samples.empty() || Follows(range, statistics.samples.back());
      Require(follows && range.begin < range.end, ErrorCode::kBadFile, "has samples out of order");
      statistics.samples.push_back(range);
    }
    statistics.rest = ReadRange();
    std::set<std::string> names;
    for (uint64_t left = ReadCount(8); left > 0; --left) {
      TapStatistics& tap = statistics.taps.emplace_back();
      tap.tensor = ReadText();
      Require(names.insert(tap.tensor).second, ErrorCode::kBadFile, "has a tensor twice");
      ErrorScope scope("tensor", tap.tensor);
      tap.histogram = FloatHistogram::Deserialize(&bytes_);
      tap.channels = ReadChannels();
    }
    Require(bytes_.empty(), ErrorCode::kBadFile, "holds more than it should");
    return statistics;
  }

 private:
  static constexpr uint64_t kMostSamples = uint64_t{1} << 48;
  static constexpr size_t kChannelBytes = 20;

  static bool Follows(const SampleRange& range, const SampleRange& last) {
    return range.data > last.data || (range.data == last.data && range.begin > last.end);
  }
  // Of things that take at least `least_bytes` each.
  uint64_t ReadCount(size_t least_bytes) {
    return TakeVarint(&bytes_, 0, bytes_.size() / least_bytes, "a count");
  }
  std::string ReadText() {
    const uint64_t size = ReadCount(1);
    Require(size <= bytes_.size(), ErrorCode::kBadFile, "the data ends too early");
    const std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  SampleRange ReadRange() {
    SampleRange range;
    range.data = ReadText();
    range.begin = static_cast<int64_t>(TakeVarint(&bytes_, 0, kMostSamples, "a sample"));
    range.end = static_cast<int64_t>(TakeVarint(&bytes_, range.begin, kMostSamples, "a sample"));
    return range;
  }
  ChannelStatistics ReadChannels() {
    ChannelStatistics channels;
    const uint64_t size = ReadCount(kChannelBytes);
    if (size == 0) return channels;
    channels.count = TakeVarint(&bytes_);
    for (uint64_t c = 0; c < size; ++c) {
      channels.max_abs.push_back(
          std::bit_cast<float>(static_cast<uint32_t>(TakeFixed(4, &bytes_))));
      ChannelStatistics::FixedSum& sum = channels.sums.emplace_back();
      sum.low = TakeFixed(8, &bytes_);
      sum.high = static_cast<int64_t>(TakeFixed(8, &bytes_));
    }
    return channels;
  }

  std::string_view bytes_;
};

}  // namespace

std::string SerializeStatistics(const Statistics& statistics) {
  std::string bytes(kMagic);
  AppendVarint(kVersion, &bytes);
  Writer(&bytes).Write(statistics);
  AppendFixed(HashOf(bytes), kHashBytes, &bytes);
  return bytes;
}

Statistics ParseStatistics(std::string_view bytes) {
  constexpr ErrorCode kBad = ErrorCode::kBadFile;
  Require(bytes.starts_with(kMagic), kBad, "is not a statistics file; `adze calibrate` makes one");
  std::string_view rest = bytes.substr(kMagic.size());
  const uint64_t version = TakeVarint(&rest);
  Require(version == kVersion, kBad, "is of version ", version, " of the format, this program has ",
          kVersion, "; make it anew with `adze calibrate`");
  const std::string_view hashed = bytes.substr(0, std::max(bytes.size(), kHashBytes) - kHashBytes);
  std::string_view hash = bytes.substr(hashed.size());
  Require(rest.size() >= kHashBytes && HashOf(hashed) == TakeFixed(kHashBytes, &hash), kBad,
          "is cut short or damaged; make it anew with `adze calibrate`");
  rest.remove_suffix(kHashBytes);
  return Reader(rest).Read();
}

void WriteStatistics(const Statistics& statistics, const std::filesystem::path& path) {
  WriteFileAtomically(path, SerializeStatistics(statistics));
}

Statistics ReadStatistics(const std::filesystem::path& path) {
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  return ParseStatistics(bytes);
}

Statistics MergeStatistics(const std::vector<std::filesystem::path>& paths) {
  Statistics merged;
  for (const std::filesystem::path& path : paths) {
    Statistics part = ReadStatistics(path);
    ErrorScope scope("file", path.string());
    part.CheckComplete();
    if (&path == paths.data()) {
      merged = std::move(part);
    } else {
      merged.Merge(part);
    }
  }
  return merged;
}

}  // namespace adze
