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
# RFC 7162 3.2.9: HIGHESTMODSEQ is for those who use modseqs.
S: d OK EXPUNGE completed
C: e UID EXPUNGE 4
S: e OK EXPUNGE completed
C: f FETCH 1:* (UID FLAGS)
S: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent))
S: * 2 FETCH (UID 4 FLAGS (\Recent))
S: f OK ...
C: g ENABLE CONDSTORE
S: * ENABLED CONDSTORE
S: * OK [HIGHESTMODSEQ ...
S: g OK ...
C: h UID EXPUNGE 1
S: * 1 EXPUNGE
S: * 1 RECENT
S: h OK [HIGHESTMODSEQ $two] ...
# RFC 7162 3.2.8: never by CLOSE.
C: i STORE 1 +FLAGS.SILENT (\Deleted)
S: * 1 FETCH (UID 4 ...
S: i OK ...
C: j CLOSE
S: j OK CLOSE completed
