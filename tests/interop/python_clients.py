"""Python's own smtplib and poplib."""
import poplib
import smtplib
from email.message import EmailMessage

from demo import ALICE, APP_PASSWORD, BOB, expect, letter, whole


def smtplib_starttls_login_send_message(demo, _folder):
    message = EmailMessage()
    message['From'] = ALICE
    message['To'] = BOB
    message['Bcc'] = 'alice@example.com'
    message['Subject'] = 'Grüße from smtplib'
    message.set_content('Hello Bob\n')
    message.add_attachment(bytes(range(256)) * 40, maintype='application', subtype='octet-stream',
                           filename='all octets.bin')
    # Otherwise each rendering makes up another one.
    message.set_boundary('=-interop-=')
    with smtplib.SMTP('localhost', demo.port('submission'), timeout=30) as client:
        client.starttls(context=demo.tls())
        client.login('alice', 'password')
        refused = client.send_message(message)
    expect(refused == {}, f'refused: {refused}')
    # The server completes what a client leaves out, so only the end is as it was sent.
    del message['Bcc']
    body = message.as_bytes().split(b'\n\n', 1)[1].replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
    for login in ['alice', 'bob']:
        session = demo.pop3(login)
        got = whole(session.retr(session.stat()[0])[1])
        session.dele(session.stat()[0])
        session.quit()
        head, _, tail = got.partition(b'\r\n\r\n')
        expect(tail == body, f'{login} got another body: {tail[:400]!r}')
        names = [line.split(b':')[0].lower() for line in head.splitlines() if line[:1] not in b' \t']
        for name in [b'date', b'message-id', b'return-path', b'received']:
            expect(name in names, f'{login}: there is no {name.decode()}: {names}')
        expect(b'bcc' not in names, f'{login}: Bcc was not removed')


def smtplib_bcc_is_removed_and_a_header_completed(demo, _folder):
    sent = b'From: alice@example.com\r\nBcc: carol@elsewhere.example,\r\n dave@elsewhere.example\r\n' \
           b'Subject: a bare header\r\n\r\nHello\r\n'
    with smtplib.SMTP_SSL('localhost', demo.port('submissions'), timeout=30,
                          context=demo.tls()) as client:
        client.login('alice', 'password')
        client.sendmail(ALICE, [BOB], sent)
    session = demo.pop3('bob')
    head, _, body = whole(session.retr(session.stat()[0])[1]).partition(b'\r\n\r\n')
    session.dele(session.stat()[0])
    session.quit()
    expect(body == b'Hello\r\n', f'the body is {body!r}')
    expect(b'elsewhere' not in head and b'Bcc' not in head, f'Bcc was kept: {head!r}')
    for name in [b'\r\nDate: ', b'\r\nMessage-ID: <', b'\r\nSubject: a bare header']:
        expect(name in head, f'there is no {name!r} in {head!r}')


def smtplib_with_tls_from_the_first_byte(demo, _folder):
    sent = letter()
    with smtplib.SMTP_SSL('localhost', demo.port('submissions'), timeout=30,
                          context=demo.tls()) as client:
        client.login('alice@example.com', 'password')
        client.sendmail(ALICE, [BOB], sent, mail_options=['BODY=8BITMIME'])
    demo.take('bob', sent)


def smtplib_refused_recipients_are_told_one_by_one(demo, _folder):
    sent = letter(sender='carol@elsewhere.example')
    with smtplib.SMTP('localhost', demo.port('smtp'), timeout=30) as client:
        client.starttls(context=demo.tls())
        refused = client.sendmail('carol@elsewhere.example',
                                  [BOB, 'nobody@example.com', ALICE, BOB], sent,
                                  mail_options=['BODY=8BITMIME'])
    expect(list(refused) == ['nobody@example.com'], f'refused: {refused}')
    expect(refused['nobody@example.com'][0] == 550, f'refused: {refused}')
    # Named twice, delivered once.
    demo.take('bob', sent)
    demo.take('alice', sent)


def smtplib_with_addresses_beyond_ascii(demo, _folder):
    sent = letter(sender='jörg@bücher.example', header=['Reply-To: Jörg <jörg@bücher.example>'])
    with smtplib.SMTP('localhost', demo.port('smtp'), timeout=30) as client:
        client.ehlo()
        client.sendmail('jörg@bücher.example', [BOB], sent,
                        mail_options=['SMTPUTF8', 'BODY=8BITMIME'])
    demo.take('bob', sent)


def smtplib_many_messages_on_one_connection(demo, _folder):
    letters = [letter(body='x' * 200 + '\r\n' + 'line\r\n' * (40 * number)) for number in range(30)]
    with smtplib.SMTP('localhost', demo.port('submission'), timeout=30) as client:
        client.starttls(context=demo.tls())
        client.login('alice', 'password')
        for sent in letters:
            client.sendmail(ALICE, [BOB], sent, mail_options=['BODY=8BITMIME'])
    for sent in letters[::10]:
        demo.take('bob', sent)
    demo.empty('bob')


def smtplib_a_message_of_some_megabytes(demo, _folder):
    sent = letter(body='0123456789abcdef' * 4 + '\r\n' + ('y' * 76 + '\r\n') * 80_000)
    with smtplib.SMTP_SSL('localhost', demo.port('submissions'), timeout=60,
                          context=demo.tls()) as client:
        client.login('alice', 'password')
        client.sendmail(ALICE, [BOB], sent, mail_options=['BODY=8BITMIME'])
    demo.take('bob', sent)


def poplib_plain_stls_and_tls(demo, _folder):
    sent = letter(to=ALICE)
    with smtplib.SMTP('localhost', demo.port('smtp'), timeout=30) as client:
        client.sendmail('carol@elsewhere.example', [ALICE], sent, mail_options=['BODY=8BITMIME'])

    def read(session, password):
        session.user('alice')
        session.pass_(password)
        count, size = session.stat()
        expect(count >= 1 and size > len(sent), f'STAT: {count} {size}')
        listed = session.list()[1]
        expect(len(listed) == count, f'LIST: {listed}')
        unique = session.uidl(count).split()[-1]
        expect(whole(session.retr(count)[1]).endswith(sent), 'another message came')
        top = session.top(count, 0)[1]
        expect(top[-1] == b'', f'TOP without lines ends with {top[-1]!r}')
        session.dele(count)
        session.rset()
        session.noop()
        session.quit()
        return unique

    plain = read(poplib.POP3('localhost', demo.port('pop3'), timeout=30), APP_PASSWORD)
    upgraded = poplib.POP3('localhost', demo.port('pop3'), timeout=30)
    expect('STLS' in upgraded.capa(), 'STLS is not announced')
    upgraded.stls(context=demo.tls())
    stls = read(upgraded, 'password')
    tls = poplib.POP3_SSL('localhost', demo.port('pop3s'), timeout=30, context=demo.tls())
    tls.utf8()
    unique = read(tls, APP_PASSWORD)
    expect(plain == stls == unique, f'UIDL changes: {plain} {stls} {unique}')
    demo.take('alice', sent)


CHECKS = [
    smtplib_starttls_login_send_message,
    smtplib_bcc_is_removed_and_a_header_completed,
    smtplib_with_tls_from_the_first_byte,
    smtplib_refused_recipients_are_told_one_by_one,
    smtplib_with_addresses_beyond_ascii,
    smtplib_many_messages_on_one_connection,
    smtplib_a_message_of_some_megabytes,
    poplib_plain_stls_and_tls,
]
