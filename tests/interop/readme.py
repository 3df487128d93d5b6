"""The README's lines to paste, pasted."""
import os
import re

from demo import expect, run_program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The ports of the README's demo, by service.
PORTS = {'smtp': 10025, 'submission': 10587, 'submissions': 10465, 'imap': 10143, 'imaps': 10993,
         'pop3': 10110, 'pop3s': 10995}


def blocks():
    """Language and text of each block below "Send and read" that talks to a running demo."""
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as readme:
        section = readme.read().split('\n## Send and read\n')[1].split('\n## ')[0]
    for language, text in re.findall(r'```(\w+)\n(.*?)```', section, re.DOTALL):
        if 'cargo run' not in text:
            yield language, text


def readme_send_and_read(demo, folder):
    demo.empty('bob')
    printed = []
    for language, text in blocks():
        for service, port in PORTS.items():
            text = text.replace(str(port), str(demo.port(service)))
        text = text.replace('demo/self-signed.crt', demo.certificate)
        text = text.replace('--dir ./demo', f'--dir {demo.dir}')
        text = text.replace('target/release/posthorn', os.path.abspath(demo.binary))
        command = {'sh': ['bash', '-euo', 'pipefail', '-c'], 'python': ['python3', '-c']}[language]
        printed.append(run_program([*command, text], folder).decode())
    expect(len(printed) >= 4, f'the README has only {len(printed)} blocks')
    for block, wanted in [(0, 'Hello Bob'), (1, 'Subject: Hello from Python'), (2, '250 2.0.0'),
                          (3, 'carol@elsewhere.example')]:
        expect(wanted in printed[block], f'{wanted!r} is not in\n{printed[block]}')
    demo.empty('bob')


CHECKS = [readme_send_and_read]
