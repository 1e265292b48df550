//! The server's own certificate, and whose it accepts.

use std::{
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
        server::{VerifierBuilderError, WebPkiClientVerifier},
    },
};

use crate::credentials::{TlsFiles, follow};

/// The name of HTTP/2 in a TLS handshake.
pub(super) const HTTP_2: &[u8] = b"h2";

/// What the files held when they were read last.
type Contents = Vec<Vec<u8>>;

/// TLS with what the files hold now. Clones share it.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<RwLock<(Contents, Arc<ServerConfig>)>>,
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// Path of the file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// A file cannot be read as PEM.
    #[error("{file}: {error}")]
    Pem {
        /// Path of the file.
        file: String,
        /// What is wrong with it.
        error: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not fit together, or are of an unsupported kind.
    #[error("certificate and key cannot be used: {0}")]
    Certificate(#[from] rustls::Error),
    /// The authorities of clients are none.
    #[error("the authorities of clients cannot be used: {0}")]
    ClientAuthorities(#[from] VerifierBuilderError),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// If one cannot be read, or they do not fit together.
    pub fn from_files(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = files.read()?;
        let config = Arc::new(files.config(&contents)?);
        Ok(Self { files, current: Arc::new(RwLock::new((contents, config))) })
    }

    /// For one connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).1))
    }

    /// Takes new files for new connections when they change. Never ends.
    pub async fn follow(self) {
        follow("certificate", move || self.reload().map_err(|error| error.to_string())).await;
    }

    /// Reads the files, and takes what they hold if that is new.
    fn reload(&self) -> Result<(), TlsError> {
        let contents = self.files.read()?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).0 == contents {
            return Ok(());
        }
        let config = Arc::new(self.files.config(&contents)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (contents, config);
        tracing::info!("a new certificate is in use");
        Ok(())
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsError> {
        let paths = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten();
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|error| TlsError::Unreadable { file: path.display().to_string(), error })
        };
        paths.map(read).collect()
    }

    fn config(&self, contents: &Contents) -> Result<ServerConfig, TlsError> {
        let of = |number: usize| contents.get(number).map(Vec::as_slice).unwrap_or_default();
        let pem = |file: &PathBuf, error| TlsError::Pem { file: file.display().to_string(), error };
        let certificates = |number, file| {
            CertificateDer::pem_slice_iter(of(number)).collect::<Result<Vec<_>, _>>().map_err(|error| pem(file, error))
        };
        let key = PrivateKeyDer::from_pem_slice(of(1)).map_err(|error| pem(&self.key, error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(2, file)? {
                    roots.add(certificate)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(certificates(0, &self.cert)?, key)?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// A connection to a server that may have any certificate: for who says nothing to it that matters, and only wants to know
/// whether it answers.
///
/// # Errors
/// If the handshake fails.
pub(super) async fn to_anybody(stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(algorithms)))
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(IpAddr::from(Ipv4Addr::LOCALHOST).into(), stream).await
}

/// Trusts every certificate.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}
