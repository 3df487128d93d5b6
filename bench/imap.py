#!/usr/bin/env python3
"""Measures Posthorn's IMAP beside Dovecot with Maildir and with mdbox, and writes the results.

    bench/imap.py [--rounds 5] [--only flags,envelope,...] [--servers posthorn,maildir,mdbox] [--out NAME]

Needs root (cgroups, Dovecot), `apt-get install dovecot-imapd dovecot-pop3d dovecot-lmtpd`, and the drivers
in `../shared/peers`. Every server gets the same messages by APPEND; then they take turns, operation by
operation (A B C A B C ...). The figure is the server's CPU time (user and system, all of its processes) per
message or command; the client's is not in it. Writes `bench/results/YYYY-MM-DD-NAME.md`.
"""
import argparse
import datetime
import gc
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import lab
import load
from imap_bench import Imap
from report import shown

READER = 'user21@lab.test'  # nobody else's mail changes while it is read
NEEDLE = 'needleword'


class Account:
    """What the peers' client wants to know of a server."""

    def __init__(self, port, user, tls=False):
        self.host, self.port, self.user, self.tls = '127.0.0.1', port, user, tls
        self.password, self.timeout = lab.PW, 300


def connect(server, user=READER, tls=False):
    return Imap(Account(server.imaps if tls else server.imap, user, tls))


def quietly(client, command):
    try:
        client.cmd(command)
    except RuntimeError:
        pass  # it is there already, or it is not


def metered(server, work):
    """CPU seconds and wall-clock seconds of some work, and what it answered."""
    with lab.servercg.Meter(*server.cgroups) as meter:
        answer = work()
    return meter.cpu, meter.wall, answer


def append_all(client, mailbox, messages):
    literal_plus = b'LITERAL+' in client.caps
    for message in messages:
        client.append(mailbox, [message], literal_plus)


def fill(server, options):
    """`big`: realistic messages of mean 11.6 KB; `twelve`: messages of 12 KB, all alike in size."""
    client = connect(server)
    for mailbox in ('big', 'twelve'):
        client.cmd(f'CREATE {mailbox}')
    append_all(client, 'big', (lab.msggen.make(n) for n in range(1, options.messages + 1)))
    append_all(client, 'twelve', (load.message(n, 7, 12000) for n in range(options.bodies)))
    client.close()


class Operation:
    """Something a client does: how, what is counted, and what it may cost."""

    def __init__(self, name, title, run, target_us=None):
        self.name, self.title, self.run, self.target_us = name, title, run, target_us


def fetch(mailbox, items):
    def run(server, options, round_):
        client = connect(server)
        count = client.exists(mailbox, 'EXAMINE')
        marks = {}
        cpu, wall, _ = metered(server, lambda: client.cmd(f'FETCH 1:* {items}', False, marks))
        client.close()
        assert marks['untagged'] >= count, marks
        return cpu / count, wall / count
    return run


def fetch_singly(server, options, round_):
    client = connect(server)
    count = client.exists('twelve', 'EXAMINE')

    def work():
        for number in range(1, count + 1):
            client.cmd(f'FETCH {number} BODY.PEEK[]', False)
    cpu, wall, _ = metered(server, work)
    client.close()
    return cpu / count, wall / count


def store_at_once(server, options, round_):
    client = connect(server)
    count = client.exists('big')
    # Every other round takes the flag away: each changes every message.
    sign = '+-'[round_ % 2]
    cpu, wall, _ = metered(server, lambda: client.cmd(f'STORE 1:* {sign}FLAGS.SILENT (\\Flagged)', False))
    client.close()
    return cpu / count, wall / count


def store_singly(server, options, round_):
    client = connect(server)
    count = min(client.exists('big'), options.singles)
    sign = '+-'[round_ % 2]

    def work():
        for number in range(1, count + 1):
            client.cmd(f'STORE {number} {sign}FLAGS (\\Answered)', False)
    cpu, wall, _ = metered(server, work)
    client.close()
    return cpu / count, wall / count


def settle(server):
    """Waits until a server does no more than a server does that is not asked anything."""
    def cpu():
        return sum(lab.servercg.cpu(name)[0] for name in server.cgroups)

    for _ in range(60):
        before = cpu()
        time.sleep(0.5)
        if cpu() - before < 0.005:
            return
    raise RuntimeError(f'{server.name} does not come to rest')


def copy(server, options, round_):
    """Into a new mailbox. What the deletion of the last one costs is an operation of its own: some servers
    do most of that after they have answered."""
    client = connect(server)
    count = client.exists('big')
    quietly(client, 'DELETE copies')
    client.cmd('CREATE copies')
    settle(server)
    cpu, wall, _ = metered(server, lambda: client.cmd('COPY 1:* copies', False))
    client.close()
    return cpu / count, wall / count


def delete(server, options, round_):
    """With all that is done after the answer. (mdbox leaves the octets to `doveadm purge`, which is not run.)"""
    client = connect(server)
    count = client.exists('big')
    quietly(client, 'DELETE copies')
    client.cmd('CREATE copies')
    client.cmd('COPY 1:* copies', False)
    settle(server)

    def work():
        client.cmd('DELETE copies')
        settle(server)
    cpu, wall, _ = metered(server, work)
    client.close()
    return cpu / count, wall / count


def append(server, options, round_):
    """Each client into a mailbox of its own user."""
    clients = [connect(server, f'user{n + 1}@lab.test') for n in range(lab.USERS)]
    each = options.appends // lab.USERS
    contents = [[lab.msggen.make(round_ * 100_000 + n * 1000 + k) for k in range(each)] for n in range(lab.USERS)]
    for client in clients:
        quietly(client, 'CREATE bench')
    failures = []

    def one(client, messages):
        try:
            append_all(client, 'bench', messages)
        except (OSError, EOFError, RuntimeError) as error:
            failures.append(repr(error))

    def work():
        threads = [threading.Thread(target=one, args=pair) for pair in zip(clients, contents)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    cpu, wall, _ = metered(server, work)
    for client in clients:
        client.close()
    if failures:
        raise RuntimeError(failures[0])
    return cpu / (each * lab.USERS), wall / (each * lab.USERS)


def select(server, options, round_):
    client = connect(server)

    def work():
        for _ in range(options.singles):
            client.exists('big')
    cpu, wall, _ = metered(server, work)
    client.close()
    return cpu / options.singles, wall / options.singles


def login(server, options, round_):
    count = options.singles // 2

    def work():
        for _ in range(count):
            connect(server).close()
    work()  # "repeat": who has just logged in
    cpu, wall, _ = metered(server, work)
    return cpu / count, wall / count


def search(criterion):
    def run(server, options, round_):
        client = connect(server)
        count = client.exists('big', 'EXAMINE')
        cpu, wall, _ = metered(server, lambda: client.cmd(f'SEARCH {criterion}'))
        client.close()
        return cpu / count, wall / count
    return run


OPERATIONS = [
    Operation('flags', 'FETCH 1:* (UID FLAGS), per message', fetch('big', '(UID FLAGS)'), 0.5),
    Operation('envelope', 'FETCH 1:* (UID FLAGS ENVELOPE RFC822.SIZE INTERNALDATE), per message',
              fetch('big', '(UID FLAGS ENVELOPE RFC822.SIZE INTERNALDATE)'), 2),
    Operation('structure', 'FETCH 1:* (UID BODYSTRUCTURE), per message', fetch('big', '(UID BODYSTRUCTURE)'), 2),
    Operation('body', 'FETCH 1:* (UID BODY.PEEK[]) of 12 KB, per message', fetch('twelve', '(UID BODY.PEEK[])'), 25),
    Operation('body1', 'FETCH n BODY.PEEK[] of 12 KB, one per command', fetch_singly),
    Operation('store', 'STORE 1:* FLAGS.SILENT, per message', store_at_once, 5),
    Operation('store1', 'STORE n FLAGS, one per command', store_singly, 250),
    Operation('copy', 'COPY 1:*, per message', copy, 5),
    Operation('delete', 'DELETE of a mailbox with copies of all, until nothing more is done, per message', delete),
    Operation('append', 'APPEND of mean 11.6 KB, 20 clients, per message', append, 250),
    Operation('select', 'SELECT', select, 50),
    Operation('login', 'connect, LOGIN, CAPABILITY if not told, LOGOUT', login, 500),
    Operation('body-search', f'SEARCH BODY "{NEEDLE}", per message', search(f'BODY "{NEEDLE}"'), 50),
    Operation('subject-search', f'SEARCH SUBJECT "{NEEDLE}", per message', search(f'SUBJECT "{NEEDLE}"'), 50),
]


def measure(options, servers, results):
    for operation in OPERATIONS:
        if options.only and operation.name not in options.only:
            continue
        for round_ in range(options.rounds + 1):
            for server in servers:
                cpu, wall = operation.run(server, options, round_)
                # The first time fills caches, and is shown apart.
                rows = results.setdefault(operation.name, {}).setdefault(server.name, dict(first=None, cpu=[], wall=[]))
                if round_ == 0:
                    rows['first'] = cpu * 1e6
                else:
                    rows['cpu'].append(cpu * 1e6)
                    rows['wall'].append(wall * 1e6)
                print(f'{operation.name} {round_} {server.name}: {cpu * 1e6:.2f} us CPU, {wall * 1e6:.2f} us wall',
                      file=sys.stderr, flush=True)


def idle_memory(server, tls, count):
    """KiB of memory (proportional share) for each connection that has selected INBOX and idles."""
    def memory():
        return sum(lab.servercg.mem(name)[2] for name in server.cgroups)

    def idler(number):
        client = connect(server, f'user{number % lab.USERS + 1}@lab.test', tls)
        client.exists('INBOX')
        client.send('IDLE')
        while not client.line().startswith(b'+'):
            pass
        return client
    warm = [idler(n) for n in range(lab.USERS)]
    before = memory()
    clients = [idler(n) for n in range(count)]
    time.sleep(2)
    kib = (memory() - before) / count
    for client in warm + clients:
        client.s.close()
    del warm, clients
    gc.collect()
    return kib


def page(options, results, idle, loads):
    out = [f'# IMAP beside Dovecot, {datetime.datetime.now():%Y-%m-%d %H:%M}', '']
    out += [f'- {line}' for line in lab.machine()]
    out += [f'- Load average {min(loads):.1f} to {max(loads):.1f}; the client ran on the same machine.', '',
            f'{options.messages:,} messages of mean 11.6 KB (`big`) and {options.bodies:,} of 12 KB, put there by APPEND.',
            'CPU microseconds of the server (user and system, all processes) per unit: the median of the rounds, the',
            'smallest and the largest in brackets; servers took turns within a round. "First" is the time before the',
            'rounds, when nobody had asked for that yet. Everything with defaults: what Posthorn answers with OK is on',
            'stable storage; Dovecot has `mail_fsync = optimized`, which leaves out flags and indexes.', '',
            '| operation | target | ' + ' | '.join(f'{label(name)} | first' for name in options.servers) + ' |',
            '|---|---|' + '---|---|' * len(options.servers)]
    for operation in OPERATIONS:
        if operation.name in results:
            out.append(row(options, operation, results[operation.name]))
    out += ['', *verdicts(results)]
    if idle:
        out += ['', '## Memory of an idle connection (LOGIN, SELECT INBOX, IDLE)', '',
                '| | connections | KiB each (proportional share) |', '|---|---|---|']
        out += [f'| {label(name)}, {"TLS" if tls else "plaintext"} | {count:,} | {kib:.1f} |'
                for name, tls, count, kib in idle]
    return '\n'.join(out) + '\n'


def row(options, operation, servers):
    cells = []
    for name in options.servers:
        rows = servers.get(name)
        digits = 2 if rows and statistics.median(rows['cpu']) < 10 else 0
        cells += [shown(rows['cpu'], digits), f'{rows["first"]:.{digits}f}'] if rows else ['', '']
    target = '' if operation.target_us is None else f'{operation.target_us:g}'
    return f'| {operation.title} | {target} | ' + ' | '.join(cells) + ' |'


def verdicts(results):
    """What was won and what was lost, in words."""
    for operation in OPERATIONS:
        servers = results.get(operation.name, {})
        if 'posthorn' not in servers:
            continue
        ours = statistics.median(servers['posthorn']['cpu'])
        words = []
        if operation.target_us is not None:
            words.append('target met' if ours <= operation.target_us else '**target missed**')
        for name, rows in servers.items():
            if name != 'posthorn':
                theirs = statistics.median(rows['cpu'])
                times = theirs / ours if ours > 0 else float('inf')
                words.append(f'{times:.1f} times less than {label(name)}' if times >= 1
                             else f'**{1 / times:.1f} times more than {label(name)}**')
        if words:
            yield f'- {operation.name}: ' + ', '.join(words)


def label(name):
    return {'posthorn': 'Posthorn', 'maildir': 'Dovecot, Maildir', 'mdbox': 'Dovecot, mdbox'}[name]


def start(name, base):
    if name == 'posthorn':
        server = lab.Posthorn(base).start()
        if server.imap is None:
            raise RuntimeError('this build serves no IMAP')
        return server
    return lab.Dovecot(base, name).start()


def measure_idle(options, base):
    rows = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for name in options.servers:
        for tls in (False, True):
            # A server of its own for each figure: memory that was used before would be used again.
            server = start(name, base / f'idle-{name}-{tls}')
            count = options.idle if name == 'posthorn' else options.idle_peers
            try:
                kib = idle_memory(server, tls, count)
            finally:
                server.stop()
            rows.append((name, tls, count, kib))
            print('idle', rows[-1], file=sys.stderr, flush=True)
    return rows


def parse_arguments():
    def names(text):
        return text.split(',')
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', type=names, help='operations: ' + ', '.join(one.name for one in OPERATIONS) + ', idle')
    parser.add_argument('--servers', type=names, default=['posthorn', 'maildir', 'mdbox'])
    parser.add_argument('--messages', type=int, default=10_000)
    parser.add_argument('--bodies', type=int, default=2000, help='messages of 12 KB')
    parser.add_argument('--singles', type=int, default=500, help='commands, where each is measured by itself')
    parser.add_argument('--appends', type=int, default=1000)
    parser.add_argument('--idle', type=int, default=10_000, help='idle connections')
    parser.add_argument('--idle-peers', type=int, default=1000, help='the same, of a server with a process for each')
    parser.add_argument('--dir', type=Path, help='where the temporary directory is made')
    parser.add_argument('--out', help='name of the results; none: only printed')
    parser.add_argument('--no-build', action='store_true')
    return parser.parse_args()


def main():
    options = parse_arguments()
    if not options.no_build:
        subprocess.run(['cargo', 'build', '--release', '--bin', 'posthorn'], cwd=lab.ROOT, check=True)
    base = Path(tempfile.mkdtemp(prefix='posthorn-imap-', dir=options.dir))
    base.chmod(0o755)
    servers, results, idle, loads = [], {}, [], [lab.load_average()]
    try:
        if options.only != ['idle']:
            for name in options.servers:
                servers.append(start(name, base / name))
                fill(servers[-1], options)
                print(f'{name} is filled', file=sys.stderr, flush=True)
            measure(options, servers, results)
            loads.append(lab.load_average())
        for server in servers:
            server.stop()
        servers = []
        if not options.only or 'idle' in options.only:
            idle = measure_idle(options, base)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(base, ignore_errors=True)
    text = page(options, results, idle, loads)
    print(text)
    if options.out:
        path = lab.ROOT / 'bench' / 'results' / f'{datetime.date.today().isoformat()}-{options.out}.md'
        path.write_text(text)
        print(f'written: {path}', file=sys.stderr)


if __name__ == '__main__':
    main()
