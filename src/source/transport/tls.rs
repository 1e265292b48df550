//! Which certificates the service trusts when it connects to a store by TLS.

use std::{fmt, io, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The certificates of the system, and those that the operator adds.
#[derive(Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    added: Vec<u8>,
}

/// A file of certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It is not PEM, or has no certificate.
    #[error("it has no certificate in PEM format that can be used")]
    NoCertificate,
    /// TLS cannot be set up with them.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

impl Roots {
    /// The system's certificates, and all of a PEM file.
    ///
    /// # Errors
    /// If the file cannot be read, or holds anything but certificates, or none.
    pub fn load(bundle: Option<&Path>) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        // A system without certificates can still read http URLs, and those whose certificates the operator adds.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let added = bundle.map(std::fs::read).transpose()?.unwrap_or_default();
        let certificates = CertificateDer::pem_slice_iter(&added).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| RootsError::NoCertificate)?;
        if bundle.is_some() && certificates.is_empty() {
            return Err(RootsError::NoCertificate);
        }
        for certificate in certificates {
            store.add(certificate).map_err(|_| RootsError::NoCertificate)?;
        }
        Ok(Self { store: Arc::new(store), added })
    }

    /// TLS for a client that trusts them.
    ///
    /// # Errors
    /// If the TLS library cannot be set up.
    pub fn client_config(&self) -> Result<ClientConfig, RootsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(Arc::clone(&self.store)).with_no_client_auth())
    }

    /// The PEM file, if there is one.
    #[must_use]
    pub fn added(&self) -> Option<&[u8]> {
        (!self.added.is_empty()).then_some(&self.added)
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.store.len())
    }
}
