#!/usr/bin/env python3
"""Writes a file as a C++ array: embed.py FILE OUTPUT SYMBOL HEADER NAMESPACE"""
import sys

file, output, symbol, header, namespace = sys.argv[1:]
data = open(file, "rb").read()
with open(output, "w") as out:
    out.write(f'#include "{header}"\n\nnamespace {namespace} {{\n\n')
    out.write(f"alignas(8) const unsigned char {symbol}[] = {{\n")
    for at in range(0, len(data), 32):
        out.write(",".join(map(str, data[at : at + 32])) + ",\n")
    out.write(f"}};\nconst std::size_t {symbol}_bytes = sizeof {symbol};\n\n}}  // namespace {namespace}\n")
