//! What a part holds, decoded.

use super::Part;
use crate::encoded_word;
use crate::encoding::{self, Decoded};

impl Part {
    /// The content of the part, its transfer encoding undone; `None` when the message is shorter
    /// than its map says. To decode a large part piece by piece, use [`encoding::Decoder`]; to read
    /// it as text, [`crate::text::decode_text`].
    pub fn decode(&self, message: &[u8]) -> Option<Decoded> {
        Some(encoding::decode(self.encoding, self.body_range().of(message)?))
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
        let message = b"Content-Transfer-Encoding: quoted-printable\r\n\
            Content-Description: =?utf-8?q?=C3=A4?=\r\n\r\nGr=FC=DFe\r\n";
        let parsed = crate::parse(message);
        let part = parsed.map().get(0).unwrap();
        assert_eq!(part.decode(message).unwrap().bytes, b"Gr\xfc\xdfe\r\n");
        assert_eq!(part.description_text().unwrap(), "ä");
        assert_eq!(part.decode(&message[..message.len() - 1]), None);
    }
}
