#include "retrain/workers.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>

#ifdef ADZE_WITH_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef ADZE_WITH_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif

namespace adze {
namespace {

std::optional<int> IntegerOf(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text || !*text) return std::nullopt;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  Require(*end == '\0' && value >= 0 && value < 65536, ErrorCode::kInvalidArgument,
          "environment variable ", variable, " is '", text, "', not a number of a process or port");
  return static_cast<int>(value);
}

}  // namespace

#ifdef ADZE_WITH_GLOO

struct Workers::Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
#ifdef ADZE_WITH_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl;  // null on the CPU
#endif

  // The reason that a worker has left before it failed, or nothing.
  std::string Reason() const {
    try {
      if (!store->check({"failure"})) return "";
      const std::vector<uint8_t> bytes = store->get("failure");
      return {bytes.begin(), bytes.end()};
    } catch (const std::exception&) {
      return "";  // the store went with the worker that held it
    }
  }
};

namespace {

// Long enough for the slowest sample of a slow disk, short enough to notice a worker that hangs.
constexpr std::chrono::minutes kPatience(10);
constexpr std::chrono::seconds kJoining(120);

std::shared_ptr<gloo::transport::Device> GlooDevice(const std::string& host) {
  if (const char* name = std::getenv("GLOO_SOCKET_IFNAME")) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(name);
  }
  if (host == "localhost" || host.starts_with("127.")) {
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  }
  return c10d::ProcessGroupGloo::createDefaultDevice();
}

}  // namespace

template <typename Call>
void Workers::Guard(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    const std::string reason = group_->Reason();
    if (!reason.empty()) throw LostWorker(reason, /*has_failed=*/true);
    std::string what = error.what();
    what = what.substr(0, what.find('\n'));
    if (const size_t place = what.find("] "); what.starts_with("[") && place != std::string::npos) {
      what = what.substr(place + 2);  // behind the file and line of Gloo
    }
    throw LostWorker("another worker is gone (" + what + ")", /*has_failed=*/false);
  }
}

Workers::Workers([[maybe_unused]] at::Device device) {
  const std::optional<int> rank = IntegerOf("RANK"), size = IntegerOf("WORLD_SIZE");
  const char* host = std::getenv("MASTER_ADDR");
  if (!size || *size < 2) return;
  Require(rank && *rank < *size && host, ErrorCode::kInvalidArgument, "WORLD_SIZE is ", *size,
          ", which asks for RANK (0..", *size - 1,
          ") and MASTER_ADDR too, as torchrun and --nproc set them");
  rank_ = *rank;
  size_ = *size;
  on_machine_ = std::max(1, IntegerOf("LOCAL_WORLD_SIZE").value_or(1));
  group_ = std::make_unique<Group>();
  // torchrun has a store of its own at that address.
  const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  const bool has_agent = agent && std::string(agent) == "True";
  const int port = IntegerOf("MASTER_PORT").value_or(c10d::TCPStoreOptions::kDefaultPort);
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(port);
    options.isServer = is_first() && !has_agent;
    options.numWorkers = size_;
    options.waitWorkers = !has_agent;
    options.timeout = kJoining;
    group_->store = c10::make_intrusive<c10d::PrefixStore>(
        "adze_retrain", c10::make_intrusive<c10d::TCPStore>(host, options));
    const auto settings = c10d::ProcessGroupGloo::Options::create(kPatience);
    settings->devices.push_back(GlooDevice(host));
    settings->threads = 1;
    group_->gloo =
        c10::make_intrusive<c10d::ProcessGroupGloo>(group_->store, rank_, size_, settings);
#ifdef ADZE_WITH_NCCL
    if (device.is_cuda()) {
      group_->nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(
          c10::make_intrusive<c10d::PrefixStore>("nccl", group_->store), rank_, size_);
    }
#else
    Require(device.is_cpu(), ErrorCode::kUnsupported,
            "several processes on GPUs need a LibTorch with NCCL");
#endif
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    throw LostWorker(fmt::format("worker {} of {} cannot join the others at {}:{} ({})", rank_,
                                 size_, host, port, what.substr(0, what.find('\n'))),
                     /*has_failed=*/false);
  }
}

void Workers::Broadcast(const std::vector<at::Tensor>& tensors) {
  if (!group_) return;
  for (const at::Tensor& tensor : tensors) {
    Guard([&] {
      const at::NoGradGuard constant;
      std::vector<at::Tensor> values = {tensor.detach().contiguous()};
#ifdef ADZE_WITH_NCCL
      if (tensor.is_cuda()) {
        group_->nccl->broadcast(values)->wait();
      } else
#endif
        group_->gloo->broadcast(values)->wait();
      tensor.detach().copy_(values[0]);
    });
  }
}

void Workers::Sum(at::Tensor values) {
  if (!group_) return;
  Guard([&] {
    std::vector<at::Tensor> list = {values};
#ifdef ADZE_WITH_NCCL
    if (values.is_cuda()) {
      group_->nccl->allreduce(list)->wait();
      return;
    }
#endif
    group_->gloo->allreduce(list)->wait();
  });
}

void Workers::ReportFailure(const std::string& why) {
  if (!group_) return;
  try {
    if (group_->store->add("failures", 1) > 1) return;
    const std::string text = fmt::format("worker {} failed: {}", rank_, why);
    group_->store->set("failure", {text.begin(), text.end()});
  } catch (const std::exception&) {
    // Nobody is left to be told.
  }
}

bool Workers::ClaimSaving() {
  try {
    return group_ && group_->store->add("saving", 1) == 1;
  } catch (const std::exception&) {
    return rank_ == 1;  // the first one held the store
  }
}

#else

struct Workers::Group {};

Workers::Workers(at::Device) {
  Require(IntegerOf("WORLD_SIZE").value_or(1) < 2, ErrorCode::kUnsupported,
          "several processes need Gloo, which this build is without; install libgloo-dev, then "
          "configure and build anew");
}
void Workers::Broadcast(const std::vector<at::Tensor>&) {}
void Workers::Sum(at::Tensor) {}
void Workers::ReportFailure(const std::string&) {}
bool Workers::ClaimSaving() { return false; }

#endif

Workers::~Workers() = default;

at::Device DeviceByName(const std::string& name) {
  std::optional<at::Device> device;
  try {
    device.emplace(name);
  } catch (const std::exception&) {
  }
  Require(device && (device->is_cpu() || device->is_cuda()), ErrorCode::kInvalidArgument,
          "there is no device '", name, "'; there are cpu, cuda and cuda:N");
  if (device->is_cpu()) return *device;
  Require(at::hasCUDA(), ErrorCode::kUnsupported, "--device ", name,
          " needs a GPU and a LibTorch with CUDA; here there is none of them");
  if (!device->has_index()) {
    std::optional<int> rank = IntegerOf("LOCAL_RANK");
    if (!rank) rank = IntegerOf("OMPI_COMM_WORLD_LOCAL_RANK");
    device->set_index(static_cast<at::DeviceIndex>(rank.value_or(0)));
  }
  return *device;
}

}  // namespace adze
