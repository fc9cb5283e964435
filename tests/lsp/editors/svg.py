"""A terminal's screen as an SVG picture that looks the same with every monospaced font: each run of like cells is as wide as its cells."""
import html

WIDTH, HEIGHT = 8.4, 18  # of a cell
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def picture(cells, cursor, title, foreground='d8dee9', background='20242c'):
    """cells: rows of pyte's characters; a row of blanks at the end is left out."""
    rows = [runs(row, foreground, background) for row in cells]
    columns = len(cells[0])
    width, height = columns * WIDTH + 24, len(rows) * HEIGHT + 44
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="{FONT}" font-size="14">',
        f'<title>{html.escape(title)}</title>',
        f'<rect width="{width:g}" height="{height:g}" rx="6" fill="#{background}"/>',
    ]
    for i, colour in enumerate(('bf616a', 'ebcb8b', 'a3be8c')):
        out.append(f'<circle cx="{16 + 16 * i}" cy="15" r="5" fill="#{colour}"/>')
    for y, row in enumerate(rows):
        top = 32 + y * HEIGHT
        for x, count, text, style in row:
            left = 12 + x * WIDTH
            if style['background'] != background:
                out.append(f'<rect x="{left:g}" y="{top:g}" width="{count * WIDTH:g}" height="{HEIGHT}" fill="#{style["background"]}" '
                           'shape-rendering="crispEdges"/>')
            if not text.strip():
                continue
            # The text without its blanks at both ends, in the cells that are left.
            lead = len(text) - len(text.lstrip())
            shown = text.strip()
            more = ''.join([' font-weight="bold"' if style['bold'] else '', ' font-style="italic"' if style['italic'] else '',
                            ' text-decoration="underline"' if style['underlined'] else ''])
            out.append(f'<text x="{left + lead * WIDTH:g}" y="{top + 13.5:g}" textLength="{len(shown) * WIDTH:g}" '
                       f'lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="#{style["foreground"]}"{more}>'
                       f'{html.escape(shown, quote=False)}</text>')
    x, y = cursor
    out.append(f'<rect x="{12 + x * WIDTH:g}" y="{32 + y * HEIGHT:g}" width="{WIDTH}" height="{HEIGHT}" fill="#{foreground}" opacity="0.45"/>')
    out.append('</svg>')
    return '\n'.join(out) + '\n'


def runs(row, foreground, background):
    """[(x, cells, text, style)]: neighbours of one style together."""
    out = []
    for x, cell in enumerate(row):
        fg = foreground if cell.fg == 'default' else cell.fg
        bg = background if cell.bg == 'default' else cell.bg
        if cell.reverse:
            fg, bg = bg, fg
        style = {'foreground': fg, 'background': bg, 'bold': cell.bold, 'italic': cell.italics, 'underlined': cell.underscore}
        if out and out[-1][3] == style:
            before = out[-1]
            out[-1] = (before[0], before[1] + 1, before[2] + cell.data, style)
        else:
            out.append((x, 1, cell.data, style))
    return out
