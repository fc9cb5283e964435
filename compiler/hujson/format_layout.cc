#include "compiler/hujson/format_layout.h"

#include <algorithm>
#include <utility>

namespace acl::hujson {
namespace {

// The longest line, counted as below, that an inline composite may have.
constexpr std::size_t line_limit = 80;

// A run with a row wider than this before its value is not put in columns. The reference knows no such bound; there, one name
// of a megabyte in a run of a hundred thousand rows makes a hundred gigabytes.
constexpr std::size_t column_limit = 4096;

// A text cut at its line feeds: the lengths of the piece before the first and of the piece after the last; the same if there
// is only one.
struct Pieces {
  std::size_t first = 0;
  std::size_t last = 0;
  bool cut = false;
};

// Adds up the lines of a composite. They are about those of the inline text: each member counts with ", " behind it, the
// last one too, so that a composite of 78 bytes is the longest to stay inline.
struct LineMeter {
  std::size_t line = 0;  // the line being measured
  std::size_t first = 0;
  std::size_t longest = 0;
  bool cut = false;

  void end_line() noexcept {
    if (!cut) first = line;
    longest = std::max(longest, line);
  }
  void add(const Pieces& pieces) noexcept {
    line += pieces.first;
    if (!pieces.cut) return;
    end_line();
    cut = true;
    line = pieces.last;
  }
  void add(const ExtraMeasure& extra) noexcept { add(Pieces{extra.first, extra.last, extra.line_feeds != 0}); }
};

class Surveyor {
 public:
  explicit Surveyor(const Tree& tree) : tree_(tree), layout_(tree.nodes.size()) {}

  // Decides about a node and all within it; recursion is as deep as the text is nested. What it returns is measured as if
  // the node were written, but for indentation.
  Pieces survey(std::uint32_t index) {
    const Node& node = tree_.nodes[index];
    if (node.kind == Kind::array || node.kind == Kind::object) return survey_composite(index);
    const std::size_t length = node.escaped ? normal_string(text(node)).size() : node.end - node.begin;
    return {length, length, false};
  }

  std::vector<Layout> take() { return std::move(layout_); }

 private:
  [[nodiscard]] std::string_view text(const Node& node) const {
    return tree_.text.substr(node.begin, node.end - node.begin);
  }

  Pieces survey_composite(std::uint32_t index);
  void survey_name(std::uint32_t name, LineMeter& meter);
  void align(std::uint32_t object);
  void align_run(std::uint32_t from, std::uint32_t to, std::size_t width);

  const Tree& tree_;
  std::vector<Layout> layout_;
};

Pieces Surveyor::survey_composite(std::uint32_t index) {
  const Node& node = tree_.nodes[index];
  Layout& layout = layout_[index];
  const Node* last = nullptr;
  ExtraMeasure opening;  // the extra behind the opening bracket
  ExtraMeasure behind;   // the extra behind the last child
  LineMeter meter{.line = 1};
  for (std::uint32_t child = index + 1; child < node.next; child = last->next) {
    const ExtraMeasure before = measure_extra(extra_before(tree_, tree_.nodes[child]));
    if (last == nullptr) opening = before;
    layout.expanded = layout.expanded || before.line_feeds != 0;
    meter.add(before);

    std::uint32_t value = child;
    if (node.kind == Kind::object) {
      layout_[child].new_run = before.line_feeds > 1;
      survey_name(child, meter);
      ++value;
    }
    meter.add(survey(value));
    last = &tree_.nodes[value];
    behind = measure_extra(extra_behind(tree_, *last));
    meter.add(behind);
    meter.line += 2;

    const bool broken = layout_[child].broken || layout_[value].broken || behind.line_feeds != 0;
    if (broken) layout_[child].padding = 0;
    layout.broken = layout.broken || broken;
  }
  const std::string_view closing = extra_closing(tree_, node, last);
  if (last == nullptr) opening = measure_extra(closing);
  meter.line += 1;
  meter.end_line();

  layout.expanded = layout.expanded || behind.line_feeds != 0 || has_line_feed(closing) || meter.longest > line_limit;
  if (!layout.expanded) return {meter.first, meter.line, meter.cut};
  layout.broken = layout.broken || last != nullptr;
  if (node.kind == Kind::object) align(index);
  return {1 + opening.first, 1, true};
}

// A member up to its value. `padding` is its width so far; zero is for rows that stand in no column.
void Surveyor::survey_name(std::uint32_t name, LineMeter& meter) {
  const Pieces literal = survey(name);
  const ExtraMeasure behind = measure_extra(extra_behind(tree_, tree_.nodes[name]));
  const ExtraMeasure before_value = measure_extra(extra_before(tree_, tree_.nodes[name + 1]));
  meter.add(literal);
  meter.add(behind);
  meter.line += 2;
  meter.add(before_value);

  const std::size_t space = std::max<std::size_t>(before_value.first, 1);
  const std::size_t width = literal.first + behind.first + 1 + space;
  layout_[name].padding = static_cast<std::uint32_t>(std::min(width, column_limit + 1));
  layout_[name].broken = behind.line_feeds != 0 || before_value.line_feeds != 0;
}

// Turns the widths of an expanded object's rows into padding, run by run.
void Surveyor::align(std::uint32_t object) {
  const std::uint32_t end = tree_.nodes[object].next;
  std::uint32_t run = object + 1;
  std::size_t width = 0;
  for (std::uint32_t name = run; name < end; name = tree_.nodes[name + 1].next) {
    const Layout& row = layout_[name];
    if (row.padding == 0 || row.new_run) {
      align_run(run, name, width);
      run = name;
      width = 0;
    }
    width = std::max<std::size_t>(width, row.padding);
  }
  align_run(run, end, width);
}

void Surveyor::align_run(std::uint32_t from, std::uint32_t to, std::size_t width) {
  for (std::uint32_t name = from; name < to; name = tree_.nodes[name + 1].next) {
    std::uint32_t& padding = layout_[name].padding;
    padding = padding == 0 || width > column_limit ? 0 : static_cast<std::uint32_t>(width) - padding;
  }
}

}  // namespace

std::vector<Layout> decide_layout(const Tree& tree) {
  Surveyor surveyor(tree);
  surveyor.survey(0);
  return surveyor.take();
}

}  // namespace acl::hujson
