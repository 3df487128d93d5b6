"""Results as a page of Markdown."""
import datetime
import statistics


def shown(values, digits):
    """The median and the spread."""
    values = sorted(values)
    middle = statistics.median(values)
    if len(values) == 1:
        return f'{middle:.{digits}f}'
    return f'{middle:.{digits}f} ({values[0]:.{digits}f}-{values[-1]:.{digits}f})'


COLUMNS = [('rate', 'messages/s', 0), ('accept_rate', 'of which accepted/s', 0), ('cpu_ms', 'server CPU ms/message', 3),
           ('cpu_us', 'server CPU us/message', 1), ('p50_ms', 'p50 ms', 1), ('p99_ms', 'p99 ms', 1),
           ('open_ms', 'login and listings ms', 1), ('octets', 'octets/message', 0)]


class Results:
    """What was measured: heading -> server -> rows."""

    def __init__(self, machine, rounds):
        self.machine, self.rounds = machine, rounds
        self.tables, self.loads, self.probes, self.idle = {}, [], [], []
        self.began = datetime.datetime.now()

    def add(self, heading, label, row, load):
        self.tables.setdefault(heading, {}).setdefault(label, []).append(row)
        self.loads.append(load)

    def markdown(self):
        out = [f'# Posthorn beside its peers, {self.began:%Y-%m-%d %H:%M}', '']
        out += [f'- {line}' for line in self.machine]
        if self.loads:
            out.append(f'- Load average during the runs: {min(self.loads):.1f} to {max(self.loads):.1f}. '
                       'The generator ran on the same machine.')
        out += ['', *STAGES, '']
        for heading, servers in self.tables.items():
            out += [f'## {heading}', '', *table(servers), '']
        if self.idle:
            out += ['## Memory of an idle SMTP connection', '']
            for tls, kib in self.idle:
                after = 'after EHLO, STARTTLS and EHLO' if tls else 'after EHLO'
                out.append(f'- {after}: {kib:.1f} KiB resident each, 500 at once')
            out.append('')
        if self.probes:
            out += ['## fsync on that disk, at the beginning, in the middle and at the end', '', '```']
            picked = [self.probes[0], self.probes[len(self.probes) // 2], self.probes[-1]]
            out += ['\n\n'.join(picked), '```', '']
        return '\n'.join(out)


STAGES = [
    'Figures are the median of the rounds, the smallest and the largest in brackets; servers took turns within a',
    'round. CPU is that of all processes of the server (user and system), without the generator and without the',
    'kernel\'s write-back threads. For the peers a message counts when its file is in the Maildir, for Posthorn when',
    'its 250 has come, which is after the commit that puts it there: both are then on stable storage.',
    '',
    'All servers with their defaults. Stages of Posthorn that were on: parsing, part map, envelope, text for',
    'searching, conversation, quota, story, compression (LZ4, or zstd 1 where LZ4 saves little), group commit with',
    '`synchronous=FULL`, the log at `info`. Not there yet: SPF, DKIM, DMARC, spam filter (the peers did none of this either). Loopback is exempt',
    'from Posthorn\'s limits per network (its default), and from Postfix\'s (`smtpd_client_connection_count_limit = 0`).',
]


def table(servers):
    columns = [column for column in COLUMNS if any(column[0] in row for rows in servers.values() for row in rows)]
    out = ['| | ' + ' | '.join(title for _, title, _ in columns) + ' |', '|---' * (len(columns) + 1) + '|']
    for label, rows in servers.items():
        cells = [shown([row[key] for row in rows if key in row], digits) if any(key in row for row in rows) else ''
                 for key, _, digits in columns]
        out.append(f'| {label} | ' + ' | '.join(cells) + ' |')
    ours = servers.get('Posthorn')
    for label, rows in servers.items():
        if ours and label != 'Posthorn':
            out += ratio(label, ours, rows)
    return out


def ratio(label, ours, theirs):
    """The ratios within each round, so that what slowed both down cancels out."""
    pairs = list(zip(ours, theirs))
    cost = 'cpu_ms' if 'cpu_ms' in ours[0] else 'cpu_us'
    rates = [mine['rate'] / other['rate'] for mine, other in pairs]
    costs = [other[cost] / mine[cost] for mine, other in pairs if mine[cost] > 0]
    text = f'{shown(rates, 1)} times the rate of {label}'
    if costs:
        text += f', {shown(costs, 1)} times less CPU'
    return ['', f'- {text}']
