//! What PEM holds, by its labels: certificates, or private keys, which are never shown.

use super::variable::Variable;

/// The beginning of a line that opens a block.
const BEGIN: &str = "-----BEGIN ";

/// How many blocks of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Blocks {
    certificates: usize,
    keys: usize,
    others: usize,
    /// A key among them cannot be read without a password.
    encrypted: bool,
}

impl Blocks {
    fn of(text: &str) -> Self {
        let mut blocks = Self::default();
        for part in text.split(BEGIN).skip(1) {
            let label = part.split("-----").next().unwrap_or_default();
            match label {
                "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => {
                    blocks.certificates += 1;
                }
                _ if label.ends_with("PRIVATE KEY") => {
                    blocks.keys += 1;
                    blocks.encrypted |=
                        label.starts_with("ENCRYPTED") || part.contains("Proc-Type: 4,ENCRYPTED");
                }
                _ => blocks.others += 1,
            }
        }
        blocks
    }
}

/// Whether a text holds PEM anywhere.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// What a text of PEM holds, in words that give nothing of it away.
pub(super) fn summary(text: &str) -> String {
    let Blocks { certificates, keys, others, .. } = Blocks::of(text);
    let counted = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        more => Some(format!("{more} {many}")),
    };
    let parts: Vec<String> = [
        counted(certificates, "certificate", "certificates"),
        counted(keys, "private key", "private keys"),
        counted(others, "other PEM block", "other PEM blocks"),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("({})", parts.join(", "))
}

/// Certificates; `key` is the variable of their key. Their content is checked by whoever builds the
/// TLS configuration, before anything starts.
pub(super) fn certificates(key: &Variable) -> impl Fn(&str) -> Result<String, String> {
    let swapped = key.name;
    move |text| {
        let Blocks { certificates, keys, .. } = Blocks::of(text);
        match (certificates, keys) {
            (1.., _) => Ok(text.to_owned()),
            (0, 1..) => Err(format!(
                "holds a private key, where certificates belong: has it been swapped with \
                 {swapped}? Set it to the file with lines `-----BEGIN CERTIFICATE-----`"
            )),
            (0, 0) => Err(is_none("CERTIFICATE", text)),
        }
    }
}

/// A private key that needs no password; `certificate` is the variable of its certificate.
pub(super) fn key(certificate: &Variable) -> impl Fn(&str) -> Result<String, String> {
    let swapped = certificate.name;
    move |text| match Blocks::of(text) {
        Blocks { encrypted: true, .. } => {
            Err("holds a private key that is encrypted with a password, for which there is no \
                 variable: decrypt it with `openssl pkey -in KEY -out DECRYPTED` and protect the \
                 file instead"
                .to_owned())
        }
        Blocks { keys: 1.., .. } => Ok(text.to_owned()),
        Blocks { certificates: 1.., .. } => Err(format!(
            "holds certificates and no private key: has it been swapped with {swapped}? Set it to \
             the file with a line `-----BEGIN PRIVATE KEY-----`"
        )),
        _ => Err(is_none("PRIVATE KEY", text)),
    }
}

fn is_none(label: &str, text: &str) -> String {
    match is_pem(text) {
        true => format!("is PEM of another kind: it must hold a line `-----BEGIN {label}-----`"),
        false => format!(
            "is not PEM: it must hold a line `-----BEGIN {label}-----`; for a path append _FILE to \
             the name"
        ),
    }
}
