#include "engine/onednn/primitive.h"

#include <cstring>

namespace adze::onednn {
namespace {

using Kind = EpilogueOp::Kind;

dnnl::stream& CpuStream() {
  thread_local dnnl::stream stream(CpuEngine());
  return stream;
}

// The bytes of the description tell layouts apart.
std::string KeyOf(const dnnl::memory::desc& desc) {
  return std::string(reinterpret_cast<const char*>(&desc.data), sizeof(desc.data));
}

bool AppendActivation(const Node& node, dnnl::post_ops* ops) {
  using dnnl::algorithm;
  const std::string& op = node.op();
  if (op == "Relu") {
    ops->append_eltwise(1, algorithm::eltwise_relu, 0, 0);
  } else if (op == "Relu6") {
    ops->append_eltwise(1, algorithm::eltwise_clip, 0, 6);
  } else if (op == "Elu") {
    ops->append_eltwise(1, algorithm::eltwise_elu, 1, 0);
  } else if (op == "LeakyRelu") {
    ops->append_eltwise(1, algorithm::eltwise_relu, node.attr<float>("alpha", 0.2f), 0);
  } else if (op == "Sigmoid") {
    ops->append_eltwise(1, algorithm::eltwise_logistic, 0, 0);
  } else {
    return false;
  }
  return true;
}

}  // namespace

const dnnl::engine& CpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

PrimitiveKernel::PrimitiveKernel(dnnl::primitive primitive, const Args& args)
    : primitive_(std::move(primitive)),
      destination_(args.destination, CpuEngine(), DNNL_MEMORY_NONE),
      scratch_(args.scratch, CpuEngine(), DNNL_MEMORY_NONE),
      scratch_bytes_(args.scratch.get_size()) {
  AddInput(DNNL_ARG_SRC, args.source_input, args.source);
  args_[DNNL_ARG_DST] = destination_;
  args_[DNNL_ARG_SCRATCHPAD] = scratch_;
}

void PrimitiveKernel::AddInput(int arg, int input, const dnnl::memory::desc& desc) {
  inputs_.push_back({dnnl::memory(desc, CpuEngine(), DNNL_MEMORY_NONE), input});
  args_[arg] = inputs_.back().memory;
}

void PrimitiveKernel::AddConstant(const ConstantArg& constant, const dnnl::memory::desc& wanted,
                                  PreparedConstants& prepared) {
  const auto reorder = [&] {
    // oneDNN only reads it.
    dnnl::memory plain(constant.plain, CpuEngine(), const_cast<void*>(constant.tensor->raw()));
    if (wanted == constant.plain) return std::make_shared<dnnl::memory>(plain);
    auto memory = std::make_shared<dnnl::memory>(wanted, CpuEngine());
    dnnl::reorder(plain, *memory).execute(CpuStream(), plain, *memory);
    CpuStream().wait();
    return memory;
  };
  const std::string key = "onednn " + KeyOf(constant.plain) + KeyOf(wanted);
  auto memory = prepared.Get<dnnl::memory>(*constant.tensor, key, reorder);
  args_[constant.arg] = *memory;
  owners_.push_back(std::move(memory));
}

void PrimitiveKernel::Run(const KernelArgs& args) {
  for (Bound& bound : inputs_) {
    bound.memory.set_data_handle(const_cast<void*>(args.inputs[bound.input]));
  }
  destination_.set_data_handle(args.outputs[0]);
  if (scratch_bytes_) scratch_.set_data_handle(args.scratch);
  primitive_.execute(CpuStream(), args_);
}

const Tensor* BiasOf(const KernelRequest& request) {
  const auto& epilogue = request.epilogue;
  return !epilogue.empty() && epilogue[0].kind == Kind::kBias ? epilogue[0].bias : nullptr;
}

std::optional<dnnl::primitive_attr> MakeAttributes(const KernelRequest& request) {
  dnnl::post_ops ops;
  for (const EpilogueOp& op : request.epilogue) {
    if (op.kind == Kind::kResidual) ops.append_sum(1);
    if (op.kind == Kind::kActivation && !AppendActivation(*op.activation, &ops)) return {};
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::memory::desc ImageDesc(const Shape& shape) {
  return {{shape[0], shape[3], shape[1], shape[2]},
          dnnl::memory::data_type::f32,
          dnnl::memory::format_tag::nhwc};
}

dnnl::memory::desc VectorDesc(int64_t size) {
  return {{size}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a};
}

dnnl::memory::desc StridedDesc(dnnl::memory::dims dims, dnnl::memory::dims strides) {
  return {std::move(dims), dnnl::memory::data_type::f32, std::move(strides)};
}

}  // namespace adze::onednn
