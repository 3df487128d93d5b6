//! What a part holds, decoded.

use super::Part;
use crate::charset;
use crate::encoded_word;
use crate::encoding::{self, Decoded};

impl Part {
    /// The content of the part, its transfer encoding undone; `None` when the message is shorter than
    /// its map says. To decode a large part piece by piece, use [`encoding::Decoder`].
    pub fn decode(&self, message: &[u8]) -> Option<Decoded> {
        Some(encoding::decode(self.encoding, self.body_range().of(message)?))
    }

    /// The content as text, by the part's charset. Line ends stay as they are.
    pub fn text(&self, message: &[u8]) -> Option<String> {
        let content = self.decode(message)?.bytes;
        let charset = self.content_type.parameters.get("charset");
        let text = charset::decode(&content, charset.as_deref().map(str::as_bytes));
        Some(text.text.into_owned())
    }

    /// The name that the sender gave the part's file: `filename` of the disposition (RFC 2183 2.3),
    /// else `name` of the type, which older programs write. It is a stranger's word: never a path.
    pub fn file_name(&self) -> Option<String> {
        let disposition = self.disposition.as_ref();
        disposition
            .and_then(|disposition| disposition.parameters.get("filename"))
            .or_else(|| self.content_type.parameters.get("name"))
            .filter(|name| !name.is_empty())
    }

    /// Content-Description, decoded.
    pub fn description_text(&self) -> Option<String> {
        self.description.as_deref().map(encoded_word::decode)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn contents() {
        let message = b"Content-Type: text/plain; charset=iso-8859-1; name=a.txt\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\
            Content-Description: =?utf-8?q?=C3=A4?=\r\n\r\nGr=FC=DFe\r\n";
        let parsed = crate::parse(message);
        let part = parsed.map().get(0).unwrap();
        assert_eq!(part.decode(message).unwrap().bytes, b"Gr\xfc\xdfe\r\n");
        assert_eq!(part.text(message).unwrap(), "Grüße\r\n");
        assert_eq!(part.file_name().unwrap(), "a.txt");
        assert_eq!(part.description_text().unwrap(), "ä");
        assert_eq!(part.decode(&message[..message.len() - 1]), None);
        let message = b"Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf; \
            filename=x\r\nContent-Type: application/pdf; name=y\r\n\r\n";
        let parsed = crate::parse(message);
        assert_eq!(parsed.map().get(0).unwrap().file_name().unwrap(), "ä.pdf");
    }
}
