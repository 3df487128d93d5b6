"""mbsync, both ways, with a thousand messages and changes on both sides meanwhile."""
import os
import random
import re
import threading

from demo import BOB, expect, letter, run_program
from imap_clients import clear, imap, ok, remove
from programs import put, read

MESSAGES = 1000
MAILBOX = 'Synced'
MARK = re.compile(rb'^Subject: interop (\w+)', re.MULTILINE)
# Maildir's letters and IMAP's flags.
FLAGS = {'F': rb'\Flagged', 'R': rb'\Answered', 'S': rb'\Seen', 'D': rb'\Draft'}


def configure(demo, folder, maildir):
    return put(folder, 'mbsyncrc', f'''
IMAPAccount bob
Host localhost
Port {demo.port('imaps')}
User bob
Pass secret
SSLType IMAPS
CertificateFile {demo.certificate}
AuthMechs LOGIN
Timeout 60

IMAPStore far
Account bob

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel demo
Far :far:
Near :near:
Patterns {MAILBOX}
Create Both
Expunge Both
SyncState *
CopyArrivalDate yes
''')


def mbsync(folder, configuration):
    return run_program(['mbsync', '-c', configuration, 'demo'], folder, seconds=240)


def near(maildir):
    """What lies in the Maildir: marks with the flags."""
    found = {}
    for place in ['cur', 'new']:
        path = os.path.join(maildir, MAILBOX, place)
        for name in os.listdir(path):
            letters = name.split(':2,')[1] if ':2,' in name else ''
            mark = MARK.search(read(os.path.join(path, name)))[1]
            expect(mark not in found, f'{mark} lies twice in the Maildir')
            found[mark] = frozenset(one for one in letters if one in FLAGS)
    return found


def far(session):
    """What lies on the server: marks with the flags."""
    if ok(session.select(MAILBOX)) == [b'0']:
        return {}
    found = {}
    for one in ok(session.fetch('1:*', '(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')):
        if not isinstance(one, tuple):
            continue
        mark = MARK.search(one[1])[1]
        expect(mark not in found, f'{mark} lies twice on the server')
        found[mark] = frozenset(key for key, flag in FLAGS.items() if flag in one[0])
    return found


def fill_near(maildir, count, chance):
    for place in ['cur', 'new', 'tmp']:
        os.makedirs(os.path.join(maildir, MAILBOX, place), exist_ok=True)
    for number in range(count):
        flags = ''.join(sorted(chance.sample('FRS', chance.randrange(4))))
        put(os.path.join(maildir, MAILBOX, 'cur'), f'{number}.near:2,{flags}',
            letter(to=BOB, body=f'near {number}').replace(b'\r\n', b'\n'))


def fill_far(session, count, chance):
    for number in range(count):
        flags = b' '.join(FLAGS[key] for key in chance.sample('FRS', chance.randrange(4))).decode()
        ok(session.append(MAILBOX, f'({flags})', None, letter(to=BOB, body=f'far {number}')))


def change_far(demo, chance):
    """Changes on the server while mbsync works: flags, removals, additions."""
    session = imap(demo, 'bob')
    for _ in range(40):
        count = int(ok(session.select(MAILBOX))[0])
        if count > 20:
            number = chance.randrange(count - 10) + 1
            flag = chance.choice([r'(\Flagged)', r'(\Answered)', r'(\Deleted)'])
            ok(session.store(f'{number}:{number + 2}', '+FLAGS', flag))
            ok(session.expunge())
        ok(session.append(MAILBOX, '', None, letter(to=BOB, body='meanwhile')))
    session.logout()


def mbsync_both_ways_with_changes_meanwhile(demo, folder):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    session = imap(demo, 'bob')
    remove(session, MAILBOX)
    ok(session.create(MAILBOX))
    maildir = os.path.join(folder, 'mail')
    os.mkdir(maildir)
    configuration = configure(demo, folder, maildir)
    fill_near(maildir, MESSAGES // 2, chance)
    fill_far(session, MESSAGES // 2, chance)

    mbsync(folder, configuration)
    here, there = near(maildir), far(session)
    expect(len(here) == MESSAGES and here == there, compare(seed, here, there))

    # Changes on both sides, and more while mbsync runs.
    path = os.path.join(maildir, MAILBOX, 'cur')
    names = sorted(os.listdir(path))
    for name in chance.sample(names, 100):
        os.remove(os.path.join(path, name))
    for name in chance.sample(sorted(os.listdir(path)), 100):
        base, flags = name.split(':2,')
        os.rename(os.path.join(path, name), os.path.join(path, f'{base}:2,F'))
    ok(session.select(MAILBOX))
    ok(session.store('1:50', '+FLAGS', r'(\Answered)'))
    ok(session.store('60:90', '+FLAGS', r'(\Deleted)'))
    ok(session.expunge())
    faults = []

    def meanwhile():
        try:
            change_far(demo, chance)
        except Exception as fault:  # told by the check's own thread
            faults.append(fault)

    thread = threading.Thread(target=meanwhile)
    thread.start()
    mbsync(folder, configuration)
    thread.join()
    if faults:
        raise faults[0]
    # When nobody changes anything any more, both sides become the same.
    for _ in range(2):
        mbsync(folder, configuration)
    here, there = near(maildir), far(session)
    expect(here == there, compare(seed, here, there))
    expect(len(here) > 500, f'seed {seed}: only {len(here)} messages are left')
    clear(session, MAILBOX)
    ok(session.close())
    remove(session, MAILBOX)
    session.logout()


def compare(seed, here, there):
    only_here, only_there = here.keys() - there.keys(), there.keys() - here.keys()
    other = [mark for mark in here.keys() & there.keys() if here[mark] != there[mark]]
    return (f'seed {seed}: {len(here)} messages here, {len(there)} there; '
            f'{len(only_here)} only here, {len(only_there)} only there, '
            f'{len(other)} with other flags: '
            f'{[(mark, sorted(here[mark]), sorted(there[mark])) for mark in other[:5]]}')


CHECKS = [mbsync_both_ways_with_changes_meanwhile]
