# RFC 4315 2.1: UID EXPUNGE takes only what has \Deleted and is named
config: messages=4

S: * OK ...
C: a LOGIN alice@example.com password
S: a OK ...
C: b SELECT INBOX
S*: b OK ...
C: c STORE 1:3 +FLAGS.SILENT (\Deleted)
S: c OK ...
C: d UID EXPUNGE 2:4,77
S: * 2 EXPUNGE
S: * 2 EXPUNGE
S: * 2 RECENT
S: d OK [HIGHESTMODSEQ $one] ...
C: e UID EXPUNGE 4
S: e OK EXPUNGE completed
C: f FETCH 1:* (UID FLAGS)
S: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent))
S: * 2 FETCH (UID 4 FLAGS (\Recent))
S: f OK ...
