#include "decompose/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace adze {
namespace {

// Bytes of the UTF-8 sequence at the beginning of `text`; 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (length == 3 && lead == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
  if (length == 3 && lead == 0xED && byte(1) > 0x9F) return 0;  // surrogates
  if (length == 3 && lead == 0xEF && byte(1) == 0xBF && byte(2) > 0xBD) return 0;
  if (length == 4 && lead == 0xF0 && byte(1) < 0x90) return 0;
  if (length == 4 && lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

size_t CharactersOf(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

std::string XmlText(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const size_t length = SequenceLength(text.substr(i));
    const unsigned char c = text[i];
    if (length == 0 || c < 0x20 || c == 0x7F) {
      result += '?';
      ++i;
      continue;
    }
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += text.substr(i, length);
    }
    i += length;
  }
  return result;
}

std::string Shortened(const std::string& name, size_t most) {
  if (CharactersOf(name) <= most) return name;
  std::vector<std::string> parts = {""};
  for (char c : name) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  // The beginning and the end say most.
  while (parts.size() > 2) {
    parts.erase(parts.end() - 2);
    std::string shorter = parts[0];
    for (size_t i = 1; i + 1 < parts.size(); ++i) shorter += "/" + parts[i];
    shorter += "/…/" + parts.back();
    if (CharactersOf(shorter) <= most) return shorter;
  }
  const std::string& last = parts.back();
  size_t begin = 0;
  while (CharactersOf(std::string_view(last).substr(begin)) + 1 > most) ++begin;
  while (begin < last.size() && (last[begin] & 0xC0) == 0x80) ++begin;
  return "…" + last.substr(begin);
}

SvgDrawing::SvgDrawing(int64_t width, int64_t height, std::string_view css,
                       std::string_view title) {
  text_ = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n",
      width, height, XmlText(title), css);
}

void SvgDrawing::Begin(std::string_view title) {
  text_ += "<g>";
  if (!title.empty()) text_ += "<title>" + XmlText(title) + "</title>";
}

void SvgDrawing::End() { text_ += "</g>\n"; }

void SvgDrawing::Box(std::string_view css_class, Point corner, int64_t width, int64_t height) {
  text_ += fmt::format(
      "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>", css_class,
      corner.first, corner.second, width, height, std::min<int64_t>(5, height / 2));
}

void SvgDrawing::Text(std::string_view css_class, Point baseline, std::string_view text) {
  if (text.empty()) return;
  text_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>", css_class, baseline.first,
                       baseline.second, XmlText(text));
}

void SvgDrawing::Line(std::string_view css_class, const std::vector<Point>& points) {
  static constexpr int64_t kRadius = 4;
  std::vector<Point> kept;
  for (const Point& point : points) {
    if (kept.empty() || point != kept.back()) kept.push_back(point);
  }
  if (kept.size() < 2) return;
  // The point by the radius from `corner` towards `other`, or half way.
  const auto towards = [](Point corner, Point other) {
    const auto step = [](int64_t from, int64_t to) {
      const int64_t by = std::min(kRadius, std::abs(to - from) / 2);
      return to > from ? from + by : from - by;
    };
    return Point{step(corner.first, other.first), step(corner.second, other.second)};
  };
  text_ += fmt::format("<path class=\"{}\" d=\"M{} {}", css_class, kept[0].first, kept[0].second);
  for (size_t i = 1; i + 1 < kept.size(); ++i) {
    const Point in = towards(kept[i], kept[i - 1]), out = towards(kept[i], kept[i + 1]);
    text_ += fmt::format("L{} {}Q{} {} {} {}", in.first, in.second, kept[i].first, kept[i].second,
                         out.first, out.second);
  }
  text_ += fmt::format("L{} {}\"/>\n", kept.back().first, kept.back().second);
}

std::string SvgDrawing::Finish() { return std::move(text_) + "</svg>\n"; }

}  // namespace adze
