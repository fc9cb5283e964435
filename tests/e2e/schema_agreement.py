"""A JSON Schema and a verb of aclc that are to agree about texts: what policy_schema.py and inventory_schema.py share."""
import json
import re
import subprocess
import sys


def standard(text):
    """HuJSON as JSON: comments, then trailing commas, become white space."""
    for token in (r'//[^\n]*|/\*.*?\*/', r',(?=\s*[\]}])'):
        keep = r'"(?:[^"\\]|\\.)*"'
        text = re.sub(f'{keep}|{token}', lambda m: m.group() if m.group()[0] == '"' else ' ', text, flags=re.S)
    return text


def judge_all(validator, command, noun, good, bad, paths):
    """Both are asked about all texts and files, `command` by standard input; 1 if they disagree with what is wanted, else 0."""
    failures = 0

    def judge(what, text, wanted):
        nonlocal failures
        document = json.loads(standard(text))
        checked = subprocess.run([*command, '-'], input=text.encode(), capture_output=True, check=False)
        for who, verdict in (('the schema', validator.is_valid(document)), (f'aclc {command[1]}', checked.returncode == 0)):
            if verdict == wanted:
                continue
            failures += 1
            print(f'{who} {"accepts" if verdict else "refuses"} {what}', file=sys.stderr)
            if who == 'the schema' and not verdict:
                print(next(validator.iter_errors(document)).message, file=sys.stderr)
            elif not verdict:
                print(checked.stderr.decode(), checked.stdout.decode(), file=sys.stderr)

    for text in good:
        judge(text, text, True)
    for text in bad:
        judge(text, text, False)
    for path in paths:
        with open(path, encoding='utf-8') as file:
            judge(path, file.read(), True)
    print(f'{len(good) + len(bad) + len(paths)} {noun}, {failures} disagreements')
    return 1 if failures else 0
