//! The one place that opens a connection to elsewhere: a POST to an address that an admin registered, or to the language model that
//! the operator configured ([`chat`]).
//!
//! A name is resolved here, every address it gave is judged, and the connection goes to exactly those addresses; nothing resolves
//! the name again, so a name that changes its mind between check and use (DNS rebinding) gains nothing. Redirects are replies like
//! any other, proxies of the environment are not used, and of a webhook's reply only the status counts.

pub(crate) mod chat;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use url::{Host, Url};

use crate::config::{ConfigError, WebhookConfig};

/// Longest URL that is registered.
const URL_BYTES: usize = 2048;
/// Largest head of a reply that is read.
const HEAD_BYTES: usize = 64 << 10;
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;

/// Where something is to be sent: an `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target(Url);

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.len() > URL_BYTES {
            return Err(format!("use at most {URL_BYTES} bytes"));
        }
        let url = Url::parse(url).map_err(|error| format!("not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("use http or https, not {}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not carry a user name or password".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment".to_owned());
        }
        if url.host().is_none() || url.port() == Some(0) {
            return Err("names no host and port that can be connected to".to_owned());
        }
        Ok(Self(url))
    }

    /// Where an endpoint's chat completions are, by its base URL.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub(crate) fn endpoint(base: &str) -> Result<Self, String> {
        let Self(mut url) = Self::parse(base)?;
        if url.query().is_some() {
            return Err("must not have a query".to_owned());
        }
        let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The URL in its normal form.
    pub(crate) fn url(&self) -> &str {
        self.0.as_str()
    }

    fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// An address in brackets or dots, or a name.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// What the `Host` header says: the port only where it is not the scheme's.
    pub(crate) fn authority(&self) -> String {
        match self.0.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }

    fn path_and_query(&self) -> &str {
        &self.0[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

/// Why something could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The name has no address now.
    #[error("{host} cannot be resolved: {source}")]
    Unresolved { host: String, source: io::Error },
    /// An address that only `webhooks.allow_private_addresses` opens.
    #[error("{host} is at {address}, a {kind} address; webhooks.allow_private_addresses must allow it")]
    NotPublic {
        host: String,
        address: IpAddr,
        kind: &'static str,
    },
    /// Nobody listens, or the way there is blocked.
    #[error("cannot connect to {host}: {source}")]
    Connect { host: String, source: io::Error },
    /// No trusted encryption.
    #[error("TLS with {host}: {source}")]
    Tls { host: String, source: io::Error },
    /// The connection broke, or what came back is not HTTP.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written down.
    #[error("request: {0}")]
    Request(#[from] hyper::http::Error),
    /// No status within the time allowed.
    #[error("no reply within {0} s")]
    Timeout(u64),
}

/// What HTTP is spoken over.
trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for S {}

type Resolve = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Sends POST requests to targets whose addresses may be connected to.
pub(crate) struct Outbound {
    resolve: Resolve,
    allow_private: bool,
    timeout_s: u64,
    own_roots: Vec<CertificateDer<'static>>,
    tls: OnceLock<TlsConnector>,
}

impl Outbound {
    /// Reads the operator's own certificates where configured.
    ///
    /// # Errors
    /// `Unreadable` or `Invalid` when `webhooks.ca_file` cannot be used.
    pub(crate) fn new(config: &WebhookConfig) -> Result<Self, ConfigError> {
        let own_roots = match &config.ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        Ok(Self::reaching(
            config.allow_private_addresses,
            config.timeout_s,
            own_roots,
        ))
    }

    fn reaching(allow_private: bool, timeout_s: u64, own_roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            resolve: Arc::new(|host, port| Box::pin(resolve(host, port))),
            allow_private,
            timeout_s,
            own_roots,
            tls: OnceLock::new(),
        }
    }

    /// Whether the target may be connected to, as far as can be told now.
    ///
    /// # Errors
    /// `NotPublic` for an address that is not allowed, `Unresolved` for a name without one.
    pub(crate) async fn check(&self, target: &Target) -> Result<(), SendError> {
        self.timed(self.addresses(target)).await.map(|_| ())
    }

    /// Posts JSON and gives the status of the reply.
    ///
    /// # Errors
    /// What kept the request from being sent or answered in time.
    pub(crate) async fn post(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, SendError> {
        self.timed(self.exchange(target, headers, body)).await
    }

    async fn timed<T>(&self, work: impl Future<Output = Result<T, SendError>>) -> Result<T, SendError> {
        let longest = Duration::from_secs(self.timeout_s);
        match tokio::time::timeout(longest, work).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Timeout(self.timeout_s)),
        }
    }

    async fn exchange(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, SendError> {
        let request = request(target, headers, body)?;
        converse(self.stream(target).await?, request).await
    }

    /// A connection to the target, encrypted where its URL says so.
    async fn stream(&self, target: &Target) -> Result<Box<dyn Stream>, SendError> {
        let addresses = self.addresses(target).await?;
        let stream = self.connect(target, &addresses).await?;
        if !target.is_https() {
            return Ok(Box::new(stream));
        }
        let tls = |source| SendError::Tls {
            host: target.host().to_owned(),
            source,
        };
        let name = target
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(name).map_err(|error| tls(io::Error::other(error)))?;
        let stream = self.tls().connect(name, stream).await.map_err(tls)?;
        Ok(Box::new(stream))
    }

    /// The addresses of the target, all of which may be connected to. One that may not be condemns the whole name.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, SendError> {
        let (host, port) = (target.host().to_owned(), target.port());
        let mut addresses = match target.address() {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => match (self.resolve)(host.clone(), port).await {
                Ok(addresses) => addresses,
                Err(source) => return Err(SendError::Unresolved { host, source }),
            },
        };
        if !self.allow_private {
            for address in addresses.iter().map(SocketAddr::ip) {
                if let Some(kind) = not_public(address) {
                    return Err(SendError::NotPublic { host, address, kind });
                }
            }
        }
        addresses.truncate(MOST_ADDRESSES);
        Ok(addresses)
    }

    /// Tries the addresses in turn, each for its share of the time.
    async fn connect(&self, target: &Target, addresses: &[SocketAddr]) -> Result<TcpStream, SendError> {
        let share = Duration::from_secs(self.timeout_s) / addresses.len().max(1) as u32;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(SendError::Connect {
            host: target.host().to_owned(),
            source: last,
        })
    }

    /// Reads the machine's certificates when the first encrypted connection is made.
    fn tls(&self) -> &TlsConnector {
        self.tls.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "a certificate store of this machine cannot be read");
            }
            roots.add_parsable_certificates(found.certs);
            roots.add_parsable_certificates(self.own_roots.iter().cloned());
            TlsConnector::from(Arc::new(client_config(roots)))
        })
    }
}

fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let shown = path.display().to_string();
    let pem = std::fs::read(path).map_err(|source| ConfigError::Unreadable {
        path: shown.clone(),
        source,
    })?;
    let invalid = |reason: String| ConfigError::Invalid {
        path: shown.clone(),
        reason,
    };
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(error.to_string()))?;
    if certificates.is_empty() {
        return Err(invalid("holds no certificate in PEM form".to_owned()));
    }
    Ok(certificates)
}

async fn resolve(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

fn request(target: &Target, headers: HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, SendError> {
    let mut request = Request::post(target.path_and_query())
        .header(HOST, target.authority())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(USER_AGENT, concat!("shifu/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(body))?;
    request.headers_mut().extend(headers);
    Ok(request)
}

/// Sends the request on a connection of its own and reads the head of the reply.
async fn converse(stream: Box<dyn Stream>, request: Request<Full<Bytes>>) -> Result<StatusCode, SendError> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    let reply = sender.send_request(request);
    tokio::pin!(connection, reply);
    tokio::select! {
        reply = &mut reply => Ok(reply?.status()),
        ended = &mut connection => {
            ended?;
            Ok(reply.await?.status())
        }
    }
}

/// What kind of address it is, unless anybody on the Internet has it.
///
/// IANA's special-purpose registries of IPv4 and IPv6 addresses. Forms of IPv6 that carry an IPv4 address are refused as such or
/// judged by what they carry, so that none is a way round.
pub(crate) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Some("unspecified"),
        (127, ..) => Some("loopback"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some("private"),
        (169, 254, _) => Some("link-local"),
        (100, 64..=127, _) => Some("carrier-grade NAT"),
        (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) => Some("special-purpose"),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Some("documentation"),
        (224..=239, ..) => Some("multicast"),
        (240..=255, ..) => Some("reserved"),
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        not_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0, 0, 0, 0, 0, 0xffff, ..] => Some("IPv4-mapped"),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => carried(high, low),
        [0x2002, high, low, ..] => carried(high, low),
        [0x2001, 0..=0x1ff, ..] => Some("special-purpose"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("documentation"),
        [0x2000..=0x3fff, ..] => None,
        [0xfc00..=0xfdff, ..] => Some("unique local"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        _ => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    fn outbound(change: impl FnOnce(&mut WebhookConfig)) -> Outbound {
        let mut config = WebhookConfig {
            timeout_s: 2,
            ..WebhookConfig::default()
        };
        change(&mut config);
        Outbound::new(&config).unwrap()
    }

    fn inside() -> Outbound {
        outbound(|config| config.allow_private_addresses = true)
    }

    async fn post(outbound: &Outbound, url: &str) -> Result<u16, SendError> {
        let body = Bytes::from_static(b"{}");
        let sent = outbound
            .post(&Target::parse(url).unwrap(), HeaderMap::new(), body)
            .await;
        sent.map(|status| status.as_u16())
    }

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// Reads one request and answers with these bytes.
    async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &[u8]) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n{}") {
            let byte = stream.read_u8().await;
            request.push(byte.expect("the request breaks off"));
        }
        let _ = stream.write_all(reply).await;
        let _ = stream.shutdown().await;
    }

    /// A plain receiver of one request.
    async fn receiver(reply: Vec<u8>) -> String {
        let (listener, port) = listener().await;
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            answer(stream, &reply).await;
        });
        format!("http://127.0.0.1:{port}/")
    }

    #[test]
    fn public_addresses_are_told_from_all_others() {
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(not_public(address.parse().unwrap()), expected, "{address}");
        };
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.255",
            "2400:3200::1",
            "2606:2800:220::1",
            "2001:4860:4860::8888",
            "64:ff9b::1.1.1.1",
        ] {
            check(public, None);
        }
        check("0.1.2.3", Some("unspecified"));
        check("127.255.0.1", Some("loopback"));
        check("10.0.0.1", Some("private"));
        check("172.16.0.1", Some("private"));
        check("172.31.255.255", Some("private"));
        check("192.168.0.1", Some("private"));
        check("169.254.169.254", Some("link-local"));
        check("100.64.0.0", Some("carrier-grade NAT"));
        check("100.127.255.255", Some("carrier-grade NAT"));
        check("198.19.0.1", Some("special-purpose"));
        check("203.0.113.7", Some("documentation"));
        check("239.0.0.1", Some("multicast"));
        check("240.0.0.1", Some("reserved"));
        check("255.255.255.255", Some("reserved"));
        check("::", Some("unspecified"));
        check("::1", Some("loopback"));
        check("::127.0.0.1", Some("reserved"));
        check("::ffff:1.1.1.1", Some("IPv4-mapped"));
        check("::ffff:127.0.0.1", Some("IPv4-mapped"));
        check("64:ff9b::10.0.0.1", Some("private"));
        check("64:ff9b:1::1", Some("reserved"));
        check("2002:a9fe:a9fe::1", Some("link-local"));
        check("2001::1", Some("special-purpose"));
        check("2001:db8::1", Some("documentation"));
        check("fc00::1", Some("unique local"));
        check("fdff::1", Some("unique local"));
        check("fe80::1", Some("link-local"));
        check("fec0::1", Some("reserved"));
        check("ff02::1", Some("multicast"));
    }

    #[test]
    fn a_target_knows_what_to_ask_of_whom() {
        let check = |url: &str, authority: &str, path: &str, port: u16| {
            let target = Target::parse(url).unwrap();
            let actual = (target.authority(), target.path_and_query(), target.port());
            assert_eq!(actual, (authority.to_owned(), path, port), "{url}");
        };
        check("http://a.example", "a.example", "/", 80);
        check("https://A.example:443/x?y=1", "a.example", "/x?y=1", 443);
        check("https://a.example:8443/x", "a.example:8443", "/x", 8443);
        check("http://[::1]:9/", "[::1]:9", "/", 9);
        check(
            "http://维修.example/钩子",
            "xn--8uq495i.example",
            "/%E9%92%A9%E5%AD%90",
            80,
        );
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_reaches_nobody() {
        let (listener, port) = listener().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let mut outbound = outbound(|_| {});
        let count = asked.clone();
        outbound.resolve = Arc::new(move |_, port| {
            // Public when it is registered, the server itself from then on.
            let public = count.fetch_add(1, Ordering::SeqCst) == 0;
            let address = if public {
                [93, 184, 216, 34]
            } else {
                [127, 0, 0, 1]
            };
            Box::pin(async move { Ok(vec![SocketAddr::from((address, port))]) })
        });
        let url = format!("http://rebinding.example:{port}/");
        outbound.check(&Target::parse(&url).unwrap()).await.unwrap();
        let refused = post(&outbound, &url).await.unwrap_err();
        assert!(
            matches!(refused, SendError::NotPublic { kind: "loopback", .. }),
            "{refused}"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let connection = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
        assert!(connection.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn one_address_that_is_not_public_condemns_the_name() {
        let mut outbound = outbound(|_| {});
        outbound.resolve = Arc::new(|_, port| {
            let addresses = [[93, 184, 216, 34], [10, 0, 0, 1]];
            Box::pin(async move {
                Ok(addresses
                    .map(|address| SocketAddr::from((address, port)))
                    .to_vec())
            })
        });
        let target = Target::parse("https://both.example/").unwrap();
        let refused = outbound.check(&target).await.unwrap_err();
        assert!(
            matches!(refused, SendError::NotPublic { kind: "private", .. }),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn a_name_with_several_addresses_is_reached_at_the_one_that_answers() {
        let url = receiver(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
        let port = Target::parse(&url).unwrap().port();
        let (closed, dead) = listener().await;
        drop(closed);
        let mut outbound = inside();
        outbound.resolve = Arc::new(move |_, _| {
            let addresses = [dead, port].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
            Box::pin(async move { Ok(addresses.to_vec()) })
        });
        assert_eq!(post(&outbound, "http://several.example/").await.unwrap(), 204);
    }

    #[tokio::test]
    async fn replies_are_statuses_and_nothing_else() {
        let outbound = inside();
        let url =
            receiver(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\n\r\n".to_vec())
                .await;
        assert_eq!(post(&outbound, &url).await.unwrap(), 307);
        // A body without end is not waited for.
        let url = receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx".to_vec()).await;
        assert_eq!(post(&outbound, &url).await.unwrap(), 200);
        for broken in [&b"SSH-2.0-OpenSSH_9.9\r\n"[..], b"", b"HTTP/1.1 2000 OK\r\n\r\n"] {
            let refused = post(&outbound, &receiver(broken.to_vec()).await)
                .await
                .unwrap_err();
            assert!(matches!(refused, SendError::Http(_)), "{refused}");
        }
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 4 * HEAD_BYTES]].concat();
        let refused = post(&outbound, &receiver(endless).await).await.unwrap_err();
        assert!(matches!(refused, SendError::Http(_)), "{refused}");
    }

    #[tokio::test]
    async fn nobody_there_and_nobody_answering_are_said() {
        let outbound = inside();
        let (closed, port) = listener().await;
        drop(closed);
        let refused = post(&outbound, &format!("http://127.0.0.1:{port}/"))
            .await
            .unwrap_err();
        assert!(matches!(refused, SendError::Connect { .. }), "{refused}");
        let (_silent, port) = listener().await;
        let refused = post(&outbound, &format!("http://127.0.0.1:{port}/"))
            .await
            .unwrap_err();
        assert!(matches!(refused, SendError::Timeout(2)), "{refused}");
        let refused = post(&outbound, "http://nowhere.invalid/").await.unwrap_err();
        assert!(
            matches!(refused, SendError::Unresolved { .. } | SendError::Timeout(_)),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn encryption_needs_a_certificate_of_a_trusted_authority_for_the_host() {
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, port) = listener().await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                }
            }
        });
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("own.pem");
        std::fs::write(&ca_file, own.cert.pem()).unwrap();
        let trusting = outbound(|config| {
            config.allow_private_addresses = true;
            config.ca_file = Some(ca_file.clone());
        });
        let url = format!("https://127.0.0.1:{port}/");
        assert_eq!(post(&trusting, &url).await.unwrap(), 200);
        let refused = post(&inside(), &url).await.unwrap_err();
        assert!(matches!(refused, SendError::Tls { .. }), "{refused}");
        // The right authority, another host.
        let refused = post(&trusting, &format!("https://localhost:{port}/"))
            .await
            .unwrap_err();
        assert!(matches!(refused, SendError::Tls { .. }), "{refused}");
        std::fs::write(&ca_file, "no certificate").unwrap();
        let config = WebhookConfig {
            ca_file: Some(ca_file),
            ..WebhookConfig::default()
        };
        let unusable = Outbound::new(&config).err().unwrap();
        assert!(
            unusable.to_string().contains("no certificate in PEM form"),
            "{unusable}"
        );
    }
}
