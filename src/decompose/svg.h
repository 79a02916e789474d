#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace adze {

// `text` for XML: markup escaped, control characters and bytes that are not UTF-8 as "?".
std::string XmlText(std::string_view text);

// At most `most` characters: parts between slashes are left out of the middle first, then
// characters, "…" in their place.
std::string Shortened(const std::string& name, size_t most);

// Text of an SVG drawing, piece by piece. Positions are whole pixels.
class SvgDrawing {
 public:
  using Point = std::pair<int64_t, int64_t>;  // x, y

  // `css` says how the classes look; `title` is what the drawing is called.
  SvgDrawing(int64_t width, int64_t height, std::string_view css, std::string_view title);

  // Until End: what `title` tells when it is pointed at; may be empty.
  void Begin(std::string_view title);
  void End();
  void Box(std::string_view css_class, Point corner, int64_t width, int64_t height);
  void Text(std::string_view css_class, Point baseline, std::string_view text);
  // From point to point, corners rounded.
  void Line(std::string_view css_class, const std::vector<Point>& points);
  std::string Finish();

 private:
  std::string text_;
};

}  // namespace adze
