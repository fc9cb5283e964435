#include "compiler/cli/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <vector>

#include "compiler/emit/display.h"

namespace acl::cli {
namespace {

// Steps of the search for the shortest edit script: about a quarter of a second.
constexpr std::int64_t work_limit = 50'000'000;

constexpr std::size_t context_lines = 3;

// Each with its line end, if it has one.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

// One text. `number` gives equal lines equal numbers, in both texts; `changed` is what the comparison is for.
struct Side {
  std::vector<std::string_view> lines;
  std::vector<int> number;
  std::vector<bool> changed;
};

// Lines that both texts have, by their numbers, and where they stand. Only they can stay; all others are changed anyway.
struct Candidates {
  std::vector<int> number;
  std::vector<std::size_t> at;
  Side* side = nullptr;
  [[nodiscard]] int size() const { return static_cast<int>(number.size()); }
};

// How far one end of a search has come on each diagonal (a - b), counted from that end.
class Frontier {
 public:
  Frontier(std::size_t a_size, std::size_t b_size) : reached_(a_size + b_size + 3), origin_(b_size + 1) {}
  int& operator[](int diagonal) { return reached_[origin_ + static_cast<std::size_t>(diagonal)]; }

 private:
  std::vector<int> reached_;
  std::size_t origin_;
};

// Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), section 4b: search from both ends until the two meet; the
// point where they do lies on a shortest path and halves the problem.
class Comparison {
 public:
  Comparison(Candidates& a, Candidates& b)
      : a_(a), b_(b), forward_(a.number.size(), b.number.size()), backward_(a.number.size(), b.number.size()) {}

  // Marks the lines that are in no longest common subsequence as changed.
  void run() { compare({0, a_.size(), 0, b_.size()}); }

 private:
  // [a_begin, a_end) of one and [b_begin, b_end) of the other.
  struct Box {
    int a_begin, a_end, b_begin, b_end;
    [[nodiscard]] bool empty() const { return a_begin == a_end || b_begin == b_end; }
  };
  struct Point {
    int a, b;
  };

  [[nodiscard]] bool same(int a, int b) const {
    return a_.number[static_cast<std::size_t>(a)] == b_.number[static_cast<std::size_t>(b)];
  }
  static void mark(Candidates& lines, int begin, int end) {
    for (int i = begin; i < end; ++i) lines.side->changed[lines.at[static_cast<std::size_t>(i)]] = true;
  }
  void compare(Box box);
  std::optional<Point> find_middle(const Box& box);
  template <bool is_forward>
  int advance(const Box& box, int edits, int diagonal);

  Candidates& a_;
  Candidates& b_;
  Frontier forward_;
  Frontier backward_;
  std::int64_t work_ = 0;
};

// Each half has half of the edits, so that the recursion is as deep as their number has bits.
void Comparison::compare(Box box) {
  for (;;) {
    for (; !box.empty() && same(box.a_begin, box.b_begin); ++box.b_begin) ++box.a_begin;
    for (; !box.empty() && same(box.a_end - 1, box.b_end - 1); --box.b_end) --box.a_end;
    const auto middle = box.empty() ? std::nullopt : find_middle(box);
    if (!middle) break;
    compare({box.a_begin, middle->a, box.b_begin, middle->b});
    box.a_begin = middle->a;
    box.b_begin = middle->b;
  }
  mark(a_, box.a_begin, box.a_end);
  mark(b_, box.b_begin, box.b_end);
}

// One more edit on this diagonal, then all equal lines behind it; how many lines of `a` that makes, from this end.
template <bool is_forward>
int Comparison::advance(const Box& box, int edits, int diagonal) {
  Frontier& frontier = is_forward ? forward_ : backward_;
  const int width = box.a_end - box.a_begin;
  const int height = box.b_end - box.b_begin;
  const bool down = diagonal == -edits || (diagonal != edits && frontier[diagonal - 1] < frontier[diagonal + 1]);
  int a = down ? frontier[diagonal + 1] : frontier[diagonal - 1] + 1;
  a = std::min({a, width, height + diagonal});  // a step over the edge leads no further than to it
  const int begin = a;
  while (a < width && a - diagonal < height &&
         (is_forward ? same(box.a_begin + a, box.b_begin + a - diagonal)
                     : same(box.a_end - 1 - a, box.b_end - 1 - a + diagonal))) {
    ++a;
  }
  work_ += 1 + a - begin;
  return frontier[diagonal] = a;
}

// Nothing if the work is used up. The box is not empty and neither begins nor ends with equal lines, so at least two edits
// are needed and the point is no corner of it.
std::optional<Comparison::Point> Comparison::find_middle(const Box& box) {
  const int width = box.a_end - box.a_begin;
  const int height = box.b_end - box.b_begin;
  const int delta = width - height;  // diagonal d from one end is delta - d from the other
  const bool odd = delta % 2 != 0;
  forward_[1] = 0;
  backward_[1] = 0;
  for (int edits = 0; work_ < work_limit; ++edits) {
    const int lowest = 2 * std::max(0, edits - height) - edits;
    const int highest = edits - 2 * std::max(0, edits - width);
    for (int diagonal = lowest; diagonal <= highest; diagonal += 2) {
      const int a = advance<true>(box, edits, diagonal);
      const bool searched = odd && std::abs(delta - diagonal) < edits;
      if (searched && a + backward_[delta - diagonal] >= width) {
        return Point{box.a_begin + a, box.b_begin + a - diagonal};
      }
    }
    for (int diagonal = lowest; diagonal <= highest; diagonal += 2) {
      const int a = advance<false>(box, edits, diagonal);
      const bool searched = !odd && std::abs(delta - diagonal) <= edits;
      if (searched && a + forward_[delta - diagonal] >= width) return Point{box.a_end - a, box.b_end - a + diagonal};
    }
  }
  return std::nullopt;
}

void number_lines(Side& a, Side& b) {
  std::unordered_map<std::string_view, int> numbers;
  for (Side* side : {&a, &b}) {
    for (const std::string_view line : side->lines) {
      side->number.push_back(numbers.try_emplace(line, static_cast<int>(numbers.size())).first->second);
    }
    side->changed.assign(side->lines.size(), false);
  }
}

// The lines of `side` that `other` has too; the rest of them is marked as changed.
Candidates candidates_of(Side& side, const Side& other) {
  std::vector<bool> known(side.lines.size() + other.lines.size());
  for (const int number : other.number) known[static_cast<std::size_t>(number)] = true;
  Candidates candidates;
  candidates.side = &side;
  for (std::size_t i = 0; i < side.number.size(); ++i) {
    side.changed[i] = !known[static_cast<std::size_t>(side.number[i])];
    if (side.changed[i]) continue;
    candidates.number.push_back(side.number[i]);
    candidates.at.push_back(i);
  }
  return candidates;
}

Side side_of(std::string_view text) { return {lines_of(text), {}, {}}; }

// Lines [a_begin, a_end) of the old text give way to [b_begin, b_end) of the new one.
struct Change {
  std::size_t a_begin, a_end, b_begin, b_end;
};

std::vector<Change> changes_between(Side& a, Side& b) {
  number_lines(a, b);
  Candidates a_candidates = candidates_of(a, b);
  Candidates b_candidates = candidates_of(b, a);
  Comparison(a_candidates, b_candidates).run();

  std::vector<Change> changes;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.lines.size() || j < b.lines.size()) {
    Change change{i, i, j, j};
    while (change.a_end < a.lines.size() && a.changed[change.a_end]) ++change.a_end;
    while (change.b_end < b.lines.size() && b.changed[change.b_end]) ++change.b_end;
    if (change.a_end > i || change.b_end > j) changes.push_back(change);
    i = change.a_end + 1;  // one unchanged line, the same in both
    j = change.b_end + 1;
  }
  return changes;
}

class Printer {
 public:
  explicit Printer(const DiffOptions& options) : options_(options) {}

  void header(std::string_view old_label, std::string_view new_label) {
    line(bold, "--- ", old_label);
    line(bold, "+++ ", new_label);
  }
  // Changes [begin, end) and the unchanged lines around and between them.
  void hunk(const Side& a, const Side& b, const Change* begin, const Change* end);
  std::string take() { return std::move(out_); }

 private:
  static constexpr std::string_view bold = "\x1b[1m";
  static constexpr std::string_view red = "\x1b[31m";
  static constexpr std::string_view green = "\x1b[32m";
  static constexpr std::string_view cyan = "\x1b[36m";
  static constexpr std::string_view reset = "\x1b[m";

  // "12,3": the first line and how many; of none, the line before them.
  static std::string range(std::size_t begin, std::size_t end) {
    if (end - begin == 1) return std::to_string(end);
    return fmt::format("{},{}", end == begin ? begin : begin + 1, end - begin);
  }
  void line(std::string_view color, std::string_view mark, std::string_view text);
  void lines(std::string_view color, std::string_view mark, const Side& side, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) line(color, mark, side.lines[i]);
  }
  void append_escaped(std::string_view text);

  DiffOptions options_;
  std::string out_;
};

void Printer::append_escaped(std::string_view text) {
  for (;;) {
    const std::size_t tab = std::min(text.find('\t'), text.size());
    out_ += emit::printable(text.substr(0, tab));
    if (tab == text.size()) return;
    out_ += '\t';
    text.remove_prefix(tab + 1);
  }
}

// A label comes without a line end, a line of a text lacks it only at the very end.
void Printer::line(std::string_view color, std::string_view mark, std::string_view text) {
  const bool painted = options_.color && !color.empty();
  const bool label = mark.size() > 1;
  const bool ends = text.ends_with('\n');
  if (ends) text.remove_suffix(1);
  if (painted) out_ += color;
  out_ += mark;
  if (options_.escape) {
    append_escaped(text);
  } else {
    out_ += text;
  }
  if (painted) out_ += reset;
  out_ += '\n';
  if (!ends && !label) out_ += "\\ No newline at end of file\n";
}

void Printer::hunk(const Side& a, const Side& b, const Change* begin, const Change* end) {
  const Change& first = *begin;
  const Change& last = *std::prev(end);
  const std::size_t before = std::min(first.a_begin, context_lines);
  const std::size_t behind = std::min(a.lines.size() - last.a_end, context_lines);
  line(cyan, "@@ ",
       fmt::format("-{} +{} @@", range(first.a_begin - before, last.a_end + behind),
                   range(first.b_begin - before, last.b_end + behind)));
  std::size_t at = first.a_begin - before;
  for (const Change* change = begin; change != end; ++change) {
    lines({}, " ", a, at, change->a_begin);
    lines(red, "-", a, change->a_begin, change->a_end);
    lines(green, "+", b, change->b_begin, change->b_end);
    at = change->a_end;
  }
  lines({}, " ", a, at, at + behind);
}

}  // namespace

std::string unified_diff(std::string_view old_text, std::string_view new_text, std::string_view old_label,
                         std::string_view new_label, const DiffOptions& options) {
  if (old_text == new_text) return {};
  Side a = side_of(old_text);
  Side b = side_of(new_text);
  const std::vector<Change> changes = changes_between(a, b);
  Printer printer(options);
  printer.header(old_label, new_label);
  const Change* const end = changes.data() + changes.size();
  for (const Change* begin = changes.data(); begin != end;) {
    const Change* next = begin + 1;
    while (next != end && next->a_begin - (next - 1)->a_end <= 2 * context_lines) ++next;
    printer.hunk(a, b, begin, next);
    begin = next;
  }
  return printer.take();
}

}  // namespace acl::cli
