#!/usr/bin/env python3
"""Real mail programs against a running `posthorn demo`.

    run.py [--posthorn BINARY] [--list] [NAME ...]

Starts the demo on free ports of 127.0.0.1 with its store in a temporary directory, has every program
send or fetch mail, and looks whether each message comes back byte for byte behind the trace header.
At the end the demo gets TERM, must end well, and `posthorn store check` must find the store whole.

Nothing is skipped: a program that is missing is a failure. NAMEs choose among the checks; Postfix
needs root. Exit 0 when all is well, 1 when a check failed.
"""
import argparse
import os
import sys
import tempfile
import time
import traceback

import certificates
import dialogues
import imap_scripts
import imap_clients
import mbsync
import postfix
import postgresql
import programs
import python_clients
import readme
from demo import Demo, Failed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECKS = (readme.CHECKS + dialogues.CHECKS + python_clients.CHECKS + programs.CHECKS
          + certificates.CHECKS + imap_clients.CHECKS + mbsync.CHECKS + imap_scripts.CHECKS
          + postgresql.CHECKS + postfix.CHECKS)


def name_of(check):
    return check.__name__.replace('_', '-')


def run(check, demo, scratch):
    """Runs one check; whether it passed. What went wrong is printed whole."""
    began = time.monotonic()
    folder = os.path.join(scratch, name_of(check))
    os.mkdir(folder)
    try:
        check(demo, folder)
    except Failed as failure:
        print(f'FAIL {name_of(check)}\n{indent(str(failure))}', flush=True)
        return False
    except Exception:  # a program's surprise is a failure of this check, not of the run
        print(f'FAIL {name_of(check)}\n{indent(traceback.format_exc())}', flush=True)
        return False
    print(f'ok   {name_of(check)} ({time.monotonic() - began:.1f} s)', flush=True)
    return True


def indent(text):
    return '\n'.join('     ' + line for line in text.rstrip().splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--posthorn', default=os.path.join(ROOT, 'target', 'debug', 'posthorn'))
    parser.add_argument('--list', action='store_true', help='name the checks')
    parser.add_argument('names', nargs='*', metavar='NAME')
    args = parser.parse_args()
    if args.list:
        print('\n'.join(name_of(check) for check in CHECKS))
        return 0
    unknown = set(args.names) - {name_of(check) for check in CHECKS}
    if unknown:
        parser.error(f'there is no check {", ".join(sorted(unknown))}; see --list')
    chosen = [check for check in CHECKS if not args.names or name_of(check) in args.names]

    with tempfile.TemporaryDirectory(prefix='posthorn-interop-') as scratch:
        # Programs that run as another user must reach what is theirs in here.
        os.chmod(scratch, 0o755)
        demo = Demo(args.posthorn, os.path.join(scratch, 'store'))
        passed = 0
        try:
            passed = sum(run(check, demo, scratch) for check in chosen)
        finally:
            ended = end(demo)
    failed = len(chosen) - passed + (not ended)
    passed += ended
    # The form that test reports know.
    print(f'{passed} passed, {failed} failed', flush=True)
    return 1 if failed else 0


def end(demo):
    """Ends the demo as an operator would; whether it ended well and left its store whole."""
    try:
        demo.terminate()
        demo.store_check()
    except Failed as failure:
        print(f'FAIL ends-well-and-leaves-the-store-whole\n{indent(str(failure))}', flush=True)
        return False
    finally:
        demo.kill()
    print('ok   ends-well-and-leaves-the-store-whole', flush=True)
    return True


if __name__ == '__main__':
    sys.exit(main())
