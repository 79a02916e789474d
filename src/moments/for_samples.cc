#include "moments/for_samples.h"

#include <exception>

#include "adze/cancel.h"
#include "adze/parallel.h"

namespace adze {

SampleRunner::SampleRunner(const std::vector<Fetched>& graphs, const Dataset& data)
    : data_(data), sessions_(NumThreads()) {
  const SessionOptions one{.num_threads = 1};
  for (std::vector<Session>& own : sessions_) {
    for (size_t g = 0; g < graphs.size(); ++g) {
      if (&own == &sessions_[0]) {
        own.emplace_back(*graphs[g].graph, graphs[g].values, nullptr, one);
      } else {
        own.push_back(sessions_[0][g].Fork(nullptr, one));
      }
    }
  }
}

SampleRunner::~SampleRunner() = default;

void SampleRunner::Run(int64_t first, int64_t count,
                       const std::function<void(int64_t, const Values&)>& body) {
  ThrowIfCancelled();
  const auto workers = static_cast<int64_t>(sessions_.size());
  std::vector<std::exception_ptr> errors(workers);
  ParallelFor(workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker = begin; worker < end; ++worker) {
      try {
        for (int64_t i = worker; i < count; i += workers) {
          const auto feeds = data_.Read(first + i, first + i + 1);
          Values values;
          for (Session& session : sessions_[worker]) values.push_back(session.Run(feeds));
          body(i, values);
        }
      } catch (...) {
        errors[worker] = std::current_exception();
      }
    }
  });
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace adze
