"""IMAP: Python's imaplib, the dialogue of a textbook, curl, fetchmail and mutt."""
import fcntl
import imaplib
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from demo import ALICE, APP_PASSWORD, BOB, MAIN_PASSWORDS, Failed, expect, letter, run_program, shown
from dialogues import Line
from programs import curl, deliver, put, read


def imap(demo, login='alice', password=None):
    """A session of this login, under TLS."""
    session = imaplib.IMAP4_SSL('localhost', demo.port('imaps'), ssl_context=demo.tls(), timeout=30)
    session.login(login, password or (APP_PASSWORD if login == 'alice' else MAIN_PASSWORDS[login]))
    return session


def ok(answer, what=''):
    """What came with an OK."""
    status, data = answer
    expect(status == 'OK', f'{what} was answered {status} {data}')
    return data


def refused(answer, what=''):
    status, data = answer
    expect(status == 'NO', f'{what} was answered {status} {data} and not NO')
    return data[0]


def clear(session, mailbox='INBOX'):
    """Removes every message of a mailbox and leaves it selected."""
    if int(ok(session.select(mailbox))[0]):
        ok(session.store('1:*', '+FLAGS.SILENT', r'(\Deleted)'))
        ok(session.expunge())


def remove(session, *mailboxes):
    for mailbox in mailboxes:
        session.delete(mailbox)


def the_textbook_dialogue_of_imap(demo, folder):
    session = imap(demo)
    clear(session)
    session.logout()
    sent = deliver(demo, folder, to=ALICE)
    with Line(demo, 'imap') as line:
        expect(line.line().startswith('* OK '), 'there is no greeting')

        def command(text, tag):
            line.say(text)
            heard = [line.line()]
            while not heard[-1].startswith(tag):
                heard.append(line.line())
            expect(heard[-1].startswith(tag + ' OK'), '\n'.join(line.heard))
            return heard

        command('A001 LOGIN alice secret', 'A001')
        selected = command('A002 SELECT INBOX', 'A002')
        for wanted in [r'\* 1 EXISTS', r'\* \d+ RECENT', r'\* FLAGS \(.*\\Seen.*\)',
                       r'\* OK \[UIDVALIDITY \d+\]', r'\* OK \[UIDNEXT \d+\]',
                       r'\* OK \[PERMANENTFLAGS \(.*\\\*\)\]', r'A002 OK \[READ-WRITE\]']:
            expect(any(re.match(wanted, one) for one in selected), f'no {wanted} in {selected}')
        fetched = command('A003 FETCH 1 (BODY[HEADER])', 'A003')
        expect(re.match(r'\* 1 FETCH \(.*BODY\[HEADER\] \{\d+\}', fetched[0]), f'{fetched}')
        subject = sent.split(b'Subject: ')[1].split(b'\r\n')[0].decode()
        expect(f'Subject: {subject}' in fetched, f'{fetched}')
        expect('BYE' in ' '.join(command('A004 LOGOUT', 'A004')), 'LOGOUT without BYE')
        line.hear_end()


def imaplib_reads_what_was_delivered(demo, folder):
    session = imap(demo, 'bob')
    clear(session)
    letters = [deliver(demo, folder) for _ in range(3)]
    ok(session.noop())
    expect(session.response('EXISTS')[1][-1] == b'3', 'NOOP did not tell of three messages')
    for number, sent in enumerate(letters, 1):
        data = ok(session.fetch(str(number), '(RFC822.SIZE BODY.PEEK[])'))
        expect(data[0][1].endswith(sent), f'BODY[] gave\n{shown(data[0][1])}')
        size = int(re.search(rb'RFC822.SIZE (\d+)', data[0][0])[1])
        expect(size == len(data[0][1]), 'RFC822.SIZE is not the size of BODY[]')
        part = ok(session.fetch(str(number), '(BODY.PEEK[TEXT]<7.20>)'))[0]
        expect(part[1] == sent.split(b'\r\n\r\n', 1)[1][7:27], f'a partial gave {part}')
    mark = letters[1].split(b'Subject: interop ')[1].split(b'\r\n')[0].decode()
    expect(ok(session.search(None, 'SUBJECT', mark)) == [b'2'], 'SEARCH SUBJECT')
    expect(ok(session.search('UTF-8', 'BODY', '"GRÜSSE, 日本"'.encode())) == [b'1 2 3'], 'SEARCH BODY')
    expect(ok(session.search(None, 'UNSEEN')) == [b'1 2 3'], 'PEEK has set a flag')
    ok(session.fetch('2', '(BODY[1])'))
    expect(ok(session.search(None, 'SEEN')) == [b'2'], 'BODY[1] has set no flag')
    envelope = ok(session.fetch('3', '(ENVELOPE BODYSTRUCTURE)'))[0]
    envelope = envelope if isinstance(envelope, bytes) else envelope[0]
    expect(b'"alice" "example.com"' in envelope and b'"utf-8"' in envelope, f'{envelope!r}')
    session.logout()


def imaplib_works_on_mailboxes(demo, folder):
    session = imap(demo)
    remove(session, 'Archive/2026', 'Work/Old', 'Work/Done', 'Work', '"Entw&APw-rfe &- mehr"')
    names = [line.decode() for line in ok(session.list())]
    for name, use in [('Sent', r'\Sent'), ('Drafts', r'\Drafts'), ('Junk', r'\Junk'),
                      ('Trash', r'\Trash'), ('Archive', r'\Archive')]:
        expect(any(re.search(rf'\(.*{re.escape(use)}.*\) "/" "?{name}"?$', line) for line in names),
               f'{name} is not {use}: {names}')
    ok(session.create('Work/Old'))
    ok(session.create('"Entw&APw-rfe &- mehr"'))
    refused(session.create('Work/Old'), 'CREATE of what exists')
    ok(session.rename('Work/Old', 'Work/Done'))
    ok(session.subscribe('Work/Done'))
    expect(any(b'Work/Done' in line for line in ok(session.lsub('""', '*'))), 'LSUB')
    expect([line.split(b'"/" ')[1] for line in ok(session.list('""', 'Work/%'))] in
           [[b'Work/Done'], [b'"Work/Done"']], 'LIST Work/%')
    clear(session)
    for number in range(3):
        sent = letter(to=ALICE, body=f'number {number}')
        ok(session.append('INBOX', r'(\Flagged Todo)', '"23-Nov-2026 10:00:00 +0100"', sent))
    expect(session.select('INBOX')[1] == [b'3'], 'APPEND')
    ok(session.copy('1:2', 'Work/Done'))
    refused(session.copy('1', 'Nowhere'), 'COPY to nowhere')
    status = ok(session.status('Work/Done', '(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)'))[0]
    expect(b'MESSAGES 2' in status and b'UNSEEN 2' in status, f'STATUS gave {status}')
    got = ok(session.fetch('3', '(FLAGS INTERNALDATE)'))[0]
    expect(rb'\Flagged' in got and b'Todo' in got and b'23-Nov-2026 10:00:00 +0100' in got, f'{got}')
    ok(session.store('2', '+FLAGS', r'(\Deleted)'))
    expect(ok(session.expunge()) == [b'2'], 'EXPUNGE')
    ok(session.uid('MOVE', '1:*', 'Work/Done'))
    expect(ok(session.select('Work/Done', readonly=True)) == [b'4'], 'MOVE')
    refused(session.store('1', '+FLAGS', r'(\Seen)'), 'STORE in a mailbox that was EXAMINEd')
    ok(session.close())
    ok(session.delete('Work/Done'))
    refused(session.select('Work/Done'), 'SELECT of what was deleted')
    refused(session.delete('INBOX'), 'DELETE INBOX')
    ok(session.namespace())
    quota = ok(session.getquotaroot('INBOX'))
    expect(quota, 'GETQUOTAROOT')
    remove(session, 'Work', '"Entw&APw-rfe &- mehr"')
    session.logout()


def imaplib_logs_in_every_way(demo, _folder):
    for make in [lambda: imaplib.IMAP4('localhost', demo.port('imap'), timeout=30)]:
        session = make()
        expect('STARTTLS' in session.capabilities, f'{session.capabilities}')
        session.starttls(ssl_context=demo.tls())
        session.authenticate('PLAIN', lambda _: b'\0alice\0password')
        expect('IDLE' in session.capabilities or 'IDLE' in session.capability()[1][0].decode(), 'IDLE')
        session.logout()
    for login, password in [('alice', 'password'), (ALICE, APP_PASSWORD), (BOB, 'secret')]:
        imap(demo, login, password).logout()
    for login, password in [('alice', 'wrong'), ('nobody', 'secret')]:
        try:
            imap(demo, login, password)
        except imaplib.IMAP4.error as error:
            expect('AUTHENTICATIONFAILED' in str(error), f'a wrong login is refused with {error}')
        else:
            raise Failed(f'{login} with {password} could log in')


def two_sessions_see_each_other(demo, folder):
    first, second = imap(demo, 'bob'), imap(demo, 'bob')
    clear(first)
    deliver(demo, folder)
    deliver(demo, folder)
    ok(first.noop())
    ok(second.select('INBOX'))
    ok(first.store('1', '+FLAGS', r'(\Answered)'))
    ok(second.noop())
    told = second.response('FETCH')[1]
    expect(any(one and rb'\Answered' in one for one in told), f'NOOP told {told}')
    ok(first.store('1', '+FLAGS', r'(\Deleted)'))
    ok(first.expunge())
    expect(ok(second.fetch('2', '(UID)'))[0] is not None, 'FETCH after an expunge elsewhere')
    ok(second.noop())
    expect(second.response('EXPUNGE')[1] == [b'1'], 'NOOP did not tell of the expunge')
    # IDLE by hand: imaplib of this age has none.
    second.send(b'I1 IDLE\r\n')
    expect(second.readline().startswith(b'+'), 'IDLE was not begun')
    deliver(demo, folder)
    expect(second.readline() == b'* 2 EXISTS\r\n', 'IDLE did not tell of new mail')
    second.send(b'DONE\r\n')
    while not (line := second.readline()).startswith(b'I1 '):
        expect(line.startswith(b'* '), f'{line}')
    expect(line.startswith(b'I1 OK'), f'{line}')
    first.logout()
    second.logout()


def curl_reads_by_imap(demo, folder):
    session = imap(demo, 'bob')
    clear(session)
    sent = deliver(demo, folder)
    ways = [
        (f'imap://localhost:{demo.port("imap")}', ['--ssl-reqd']),
        (f'imaps://localhost:{demo.port("imaps")}', []),
        (f'imaps://localhost:{demo.port("imaps")}', ['--login-options', 'AUTH=PLAIN']),
        (f'imaps://localhost:{demo.port("imaps")}', ['--login-options', 'AUTH=LOGIN']),
        (f'imaps://localhost:{demo.port("imaps")}', ['--sasl-ir']),
        (f'imap://localhost:{demo.port("imap")}', []),
    ]
    who = ['--user', 'bob:secret']
    for url, options in ways:
        expect(b'INBOX' in curl(demo, folder, [url, *options, *who]), f'{url} LIST')
        got = curl(demo, folder, [url + '/INBOX/;MAILINDEX=1', *options, *who])
        expect(got.endswith(sent), f'{url} {options} gave\n{shown(got)}')
        found = curl(demo, folder, [url + '/INBOX?SUBJECT%20interop', *options, *who])
        expect(found.strip() == b'* SEARCH 1', f'SEARCH gave {found}')
    url = f'imaps://localhost:{demo.port("imaps")}'
    mine = letter(body='put there by curl')
    curl(demo, folder, [url + '/Drafts', *who, '-T', put(folder, 'draft.eml', mine)])
    expect(ok(session.select('Drafts')) == [b'1'], 'what curl put is not there')
    expect(ok(session.fetch('1', '(BODY.PEEK[])'))[0][1] == mine, 'what curl put is not the same')
    clear(session, 'Drafts')
    curl(demo, folder, [url, '--user', 'bob:wrong'], code=67)
    curl(demo, folder, [url + '/INBOX/;MAILINDEX=2', *who], code=78)
    session.logout()


def fetchmail_fetches_by_imap(demo, folder):
    for service, tls in [('imap', 'sslproto "auto"'), ('imaps', 'ssl')]:
        session = imap(demo, 'bob')
        clear(session)
        letters = [deliver(demo, folder) for _ in range(3)]
        out = os.path.join(folder, f'out-{service}')
        os.mkdir(out)
        script = put(folder, 'store', f'#!/bin/sh\nexec cat > "{out}/$$"\n', 0o700)
        configuration = put(folder, 'fetchmailrc', f'''
poll localhost protocol imap service {demo.port(service)} timeout 30 no dns
    user "bob" password "secret" mda "{script}" fetchall nokeep no rewrite
    {tls} sslcertck sslcertfile {demo.certificate} sslcommonname localhost
''')
        run_program(['fetchmail', '--fetchmailrc', configuration, '--nodetach', '--nosyslog',
                     '--invisible', '--pidfile', os.path.join(folder, 'fetchmail.pid'),
                     '--idfile', os.path.join(folder, 'fetchids')], folder,
                    environment={'FETCHMAILHOME': folder})
        got = [read(os.path.join(out, name)).replace(b'\r\n', b'\n') for name in os.listdir(out)]
        expect(len(got) == 3, f'{service}: {len(got)} messages came')
        for sent in letters:
            expect(any(one.endswith(sent.replace(b'\r\n', b'\n')) for one in got),
                   f'{service}: missing\n{shown(sent)}')
        expect(ok(session.select('INBOX')) == [b'0'], 'fetchmail left messages behind')
        session.logout()


def on_a_terminal(command, folder, seconds=60):
    """Runs a program that wants a terminal; what it drew. It must end by itself, and well."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
    env = {'PATH': os.environ['PATH'], 'HOME': folder, 'LANG': 'C.UTF-8', 'TERM': 'vt100'}
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=folder, env=env,
                               start_new_session=True)
    os.close(child)
    drawn, deadline = b'', time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if not select.select([parent], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(parent, 65536)
            except OSError:  # the terminal is gone: so is the program
                break
            if not piece:
                break
            drawn += piece
        code = process.wait(max(1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed(f'{command[0]} did not end in {seconds} s; it drew\n{drawn[-3000:]!r}')
    finally:
        os.close(parent)
    expect(code == 0, f'{command[0]} ended with {code}; it drew\n{drawn[-3000:]!r}')
    return drawn


def mutt_works_in_batch(demo, folder):
    session = imap(demo, 'bob')
    remove(session, 'Seen')
    clear(session)
    letters = [deliver(demo, folder) for _ in range(3)]
    ok(session.create('Seen'))
    configuration = put(folder, 'muttrc', f'''
set imap_user=bob imap_pass=secret
set certificate_file={demo.certificate} ssl_starttls=yes ssl_force_tls=yes
set folder=imaps://localhost:{demo.port("imaps")}/ spoolfile=+INBOX
set header_cache= message_cachedir= move=no confirmappend=no confirmcreate=no wait_key=no
set delete=yes quit=yes beep=no mark_old=no sleep_time=0 imap_idle=yes imap_qresync=yes
set imap_condstore=yes imap_deflate=yes
push '<tag-pattern>~A<enter><tag-prefix-cond><set-flag>!<end-cond><limit>all<enter><first-entry>\
<save-message>+Seen<enter><copy-message>{folder}/copy<enter><last-entry><delete-message>\
<sync-mailbox><quit>'
''')
    on_a_terminal(['mutt', '-n', '-F', configuration], folder)
    expect(ok(session.select('Seen')) == [b'1'], 'mutt did not save a message into another mailbox')
    got = ok(session.fetch('1', '(BODY.PEEK[] FLAGS)'))[0]
    expect(any(got[1].endswith(sent) for sent in letters), f'{got}')
    count = int(ok(session.select('INBOX'))[0])
    expect(count < 3, 'mutt has deleted nothing')
    flagged = ok(session.search(None, 'FLAGGED'))[0].split()
    expect(len(flagged) == count, f'mutt flagged {flagged} of {count}')
    clear(session)
    remove(session, 'Seen')
    session.logout()


CHECKS = [
    the_textbook_dialogue_of_imap,
    imaplib_logs_in_every_way,
    imaplib_reads_what_was_delivered,
    imaplib_works_on_mailboxes,
    two_sessions_see_each_other,
    curl_reads_by_imap,
    fetchmail_fetches_by_imap,
    mutt_works_in_batch,
]
