#include "adze/event_file.h"

#include <gtest/gtest.h>

#include "adze/file.h"
#include "io/tf_record.h"
#include "proto/event.pb.h"
#include "test_folder.h"

namespace adze {
namespace {

// Read back as the TFRecord that it is.
TEST(EventFile, HoldsAVersionThenAnEventForEachStep) {
  const auto path = TestFolder() / "events.out.tfevents";
  WriteFileAtomically(
      path, SerializeEvents(
                {{1, {{"loss", 0.5f}}}, {2, {{"learning_rate", 0.25f}, {"loss", 0.125f}}}}, 1.7e9));
  const auto records = OpenTfRecord(path, 100);
  ASSERT_EQ(records->size(), 3);
  proto::Event event;
  ASSERT_TRUE(event.ParseFromString(records->Read(0)));
  EXPECT_EQ(event.file_version(), "brain.Event:2");
  EXPECT_EQ(event.wall_time(), 1.7e9);
  ASSERT_TRUE(event.ParseFromString(records->Read(2)));
  EXPECT_EQ(event.step(), 2);
  ASSERT_EQ(event.summary().value_size(), 2);
  EXPECT_EQ(event.summary().value(0).tag(), "learning_rate");
  EXPECT_EQ(event.summary().value(1).simple_value(), 0.125f);
}

}  // namespace
}  // namespace adze
