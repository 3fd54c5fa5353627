//! What an error of the HTTP library means for an attempt. Its text holds the address, which may be a secret, and is not
//! used.

use std::error::Error;

use rustls::{AlertDescription, Error as Tls};

use super::guard::PrivateAddress;
use crate::delivery::{AttemptResult, Trouble};

/// What the library says of a proxy that asks for a user and a password before it leads anywhere. Its type is its own.
const PROXY_REFUSES: &str = "tunnel error: proxy authorization required";

/// The library's error as ours.
pub fn trouble(error: &reqwest::Error) -> AttemptResult {
    if causes(error).any(|cause| cause.is::<PrivateAddress>()) {
        AttemptResult::NotSent(Trouble::PrivateAddress)
    } else if causes(error).filter_map(|cause| cause.downcast_ref()).any(is_about_certificates) {
        AttemptResult::NotSent(Trouble::Certificate)
    } else if causes(error).any(|cause| cause.to_string() == PROXY_REFUSES) {
        AttemptResult::NotSent(Trouble::Proxy)
    } else if error.is_connect() {
        AttemptResult::NotSent(Trouble::Connect)
    } else if error.is_builder() {
        AttemptResult::NotSent(Trouble::Unsendable)
    } else if error.is_timeout() {
        AttemptResult::Unknown(Trouble::Timeout)
    } else if causes(error).filter_map(|cause| cause.downcast_ref()).any(hyper::Error::is_parse) {
        AttemptResult::Unknown(Trouble::BadAnswer)
    } else {
        AttemptResult::Unknown(Trouble::Broken)
    }
}

/// An error and what lies below it, also inside the machine's own errors.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// A handshake that failed by a certificate. The provider refuses ours after we have sent, but before it has looked.
fn is_about_certificates(error: &Tls) -> bool {
    use AlertDescription as Alert;
    match error {
        Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented => true,
        Tls::AlertReceived(alert) => matches!(
            alert,
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::CertificateRequired
                | Alert::UnknownCA
                | Alert::AccessDenied
        ),
        _ => false,
    }
}
