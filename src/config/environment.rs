//! Variables of the environment that begin as ours do, and are none of them or not meant for us.

use std::ffi::OsString;

use clap::{Command, builder::Resettable};

use super::error::ConfigError;

/// What our variables begin with.
const PREFIX: &str = "REDUCTIONIST_";

/// Settings without which the service is open to more than its operator wants, by their variables, and what else people
/// call them.
const CLOSING: &[(&str, &[&str])] = &[
    ("ALLOW_SOURCE", &["ALLOWED_HOSTS", "ALLOWED_URLS", "ALLOWLIST", "WHITELIST"]),
    ("AUTH_TOKEN_FILE", &["API_KEY_FILE", "SECRET_FILE"]),
    ("CLIENT_CA_FILE", &["MTLS_CA", "CLIENT_AUTH"]),
    ("HTTPS", &["TLS", "SSL", "TLS_ENABLED", "SSL_ENABLED"]),
    ("ADMIN_ADDRESS", &["METRICS_ADDRESS", "METRICS_PORT"]),
];

/// Variables of the client for people, which may run in the same environment.
const OF_CLIENTS: &[&str] = &["BEARER_TOKEN", "PASSWORD", "SERVICE_TOKEN", "SESSION_TOKEN"];

/// From this similarity on, one name is another one misspelt; nothing else has to be considered.
const SURELY: f64 = 0.8;

/// From this similarity on, a setting that closes something may be meant.
const POSSIBLY: f64 = 0.3;

/// From this similarity on, any other setting is worth naming.
const PROBABLY: f64 = 0.45;

/// What an agent of Jaeger was told by, and what collectors are.
const JAEGER_AGENT: &str = "OTEL_EXPORTER_JAEGER_AGENT_HOST";

/// The command without the variables that Kubernetes sets for a Service of our name (`REDUCTIONIST_PORT=tcp://…`), as if
/// they were not there.
pub(super) fn without_service_links(mut command: Command) -> Command {
    let ids: Vec<_> = command
        .get_arguments()
        .filter(|arg| {
            let name = arg.get_env().and_then(|name| name.to_str()?.strip_prefix(PREFIX));
            let value = arg.get_env().and_then(std::env::var_os).unwrap_or_default();
            name.is_some_and(|name| is_service_link(name, &value.to_string_lossy()))
        })
        .map(|arg| arg.get_id().clone())
        .collect();
    for id in ids {
        command = command.mut_arg(id, |arg| arg.env(Resettable::Reset));
    }
    command
}

/// What an operator should know of variables that have no effect.
///
/// # Errors
/// If one is no setting, and one that closes something may be meant.
pub(super) fn told(
    command: &Command,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<String>, ConfigError> {
    let known: Vec<&str> =
        command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()?.strip_prefix(PREFIX)).collect();
    let mut variables: Vec<_> = variables.map(|(name, value)| (lossy(&name), lossy(&value))).collect();
    variables.sort();
    let told = variables.iter().map(|(name, value)| match name.strip_prefix(PREFIX) {
        None => Ok((name == JAEGER_AGENT).then(|| instead_of_agent(value))),
        Some(name) if known.contains(&name) || OF_CLIENTS.contains(&name) || is_service_link(name, value) => Ok(None),
        Some(name) => unknown(name, &known).map(Some),
    });
    told.filter_map(Result::transpose).collect()
}

fn lossy(text: &OsString) -> String {
    text.to_string_lossy().into_owned()
}

fn instead_of_agent(host: &str) -> String {
    format!(
        "{JAEGER_AGENT} has no effect: traces go to a collector by OTLP; set OTEL_EXPORTER_OTLP_ENDPOINT, for Jaeger to \
         http://{host}:4318"
    )
}

fn unknown(name: &str, known: &[&str]) -> Result<String, ConfigError> {
    match meant(name, known) {
        None => Ok(format!("{PREFIX}{name} is no setting, and has no effect")),
        Some(meant) if CLOSING.iter().any(|(closing, _)| *closing == meant) => Err(ConfigError(format!(
            "{PREFIX}{name} is no setting; {PREFIX}{meant} may be meant, and without it the service would be open to more \
             than you want"
        ))),
        Some(meant) => Ok(format!("{PREFIX}{name} is no setting, and has no effect; {PREFIX}{meant} may be meant")),
    }
}

/// The setting that is meant by a name that is none; in doubt, one that closes something.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let nearest = nearest(known.iter().map(|known| (*known, similarity(name, known))));
    let closing = self::nearest(known.iter().filter_map(|known| {
        let (_, others) = CLOSING.iter().find(|(closing, _)| closing == known)?;
        let names = others.iter().chain([known]);
        Some((*known, names.map(|closing| similarity(name, closing)).fold(0.0, f64::max)))
    }));
    match (nearest, closing) {
        (Some((surely, similarity)), _) if similarity >= SURELY => Some(surely),
        (_, Some((closing, similarity))) if similarity >= POSSIBLY => Some(closing),
        (Some((probably, similarity)), _) if similarity >= PROBABLY => Some(probably),
        _ => None,
    }
}

fn nearest<'a>(names: impl Iterator<Item = (&'a str, f64)>) -> Option<(&'a str, f64)> {
    names.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// How many pairs of neighbouring letters two names have in common: 0 for none, 1 for all. Words may be longer, missing or
/// in another order.
fn similarity(one: &str, other: &str) -> f64 {
    strsim::sorensen_dice(one, other)
}

/// Whether this is what Kubernetes tells of a Service, ours or another one whose name begins with ours.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_or_ends = |last: &str| name == last || name.strip_suffix(last).is_some_and(|first| first.ends_with('_'));
    let has_protocol = ["tcp://", "udp://", "sctp://"].iter().any(|protocol| value.starts_with(protocol));
    let named_port = name.starts_with("SERVICE_PORT_") || name.contains("_SERVICE_PORT_");
    named_port
        || is_or_ends("SERVICE_HOST")
        || is_or_ends("SERVICE_PORT")
        || is_or_ends("PORT") && has_protocol
        || is_numbered_port(name)
}

/// `PORT_8080_TCP`, alone or with what is said of it, behind the name of a Service.
fn is_numbered_port(name: &str) -> bool {
    let words: Vec<_> = name.split('_').collect();
    let words = match words.as_slice() {
        [first @ .., "PROTO" | "PORT" | "ADDR"] => first,
        all => all,
    };
    matches!(words, [.., "PORT", number, "TCP" | "UDP" | "SCTP"] if number.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::Args;

    fn told(variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        super::told(&Args::command(), variables).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_that_is_no_setting_stops_the_start_where_what_is_meant_closes_something() {
        for (unknown, meant) in [
            ("ALLOW_SOURCES", "ALLOW_SOURCE"),
            ("ALLOWED_SOURCES", "ALLOW_SOURCE"),
            ("ALOW_SOURCE", "ALLOW_SOURCE"),
            ("SOURCE_ALLOW", "ALLOW_SOURCE"),
            ("ALLOWED_HOSTS", "ALLOW_SOURCE"),
            ("ALLOW", "ALLOW_SOURCE"),
            ("SOURCES", "ALLOW_SOURCE"),
            ("TOKEN", "AUTH_TOKEN_FILE"),
            ("TOKENS", "AUTH_TOKEN_FILE"),
            ("AUTH_TOKENS_FILE", "AUTH_TOKEN_FILE"),
            ("TOKEN_FILE", "AUTH_TOKEN_FILE"),
            ("AUTH_FILE", "AUTH_TOKEN_FILE"),
            ("API_TOKEN", "AUTH_TOKEN_FILE"),
            ("CLIENT_CA", "CLIENT_CA_FILE"),
            ("CA_FILE", "CLIENT_CA_FILE"),
            ("CLIENT_CERT", "CLIENT_CA_FILE"),
            ("HTTP", "HTTPS"),
            ("USE_HTTPS", "HTTPS"),
            ("TLS", "HTTPS"),
            ("TLS_ENABLED", "HTTPS"),
            ("ADMIN_ADDR", "ADMIN_ADDRESS"),
        ] {
            let error = told(&[(&format!("REDUCTIONIST_{unknown}"), "a secret")]).expect_err(unknown);
            assert!(error.contains(&format!("REDUCTIONIST_{unknown} is no setting")), "{error}");
            assert!(error.contains(&format!("REDUCTIONIST_{meant} may be meant")), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn other_names_that_are_no_settings_are_told_with_what_is_meant() {
        for (unknown, meant) in [
            ("MEM_LIMIT", "MEMORY_LIMIT"),
            ("KEEP_DIMS", "KEEPDIMS"),
            ("THREADS_LIMIT", "THREAD_LIMIT"),
            ("CONNECTION_LIMIT_S3", "S3_CONNECTION_LIMIT"),
            ("GRACEFUL_SHUTDOWN_TIMEOUT", "SHUTDOWN_TIMEOUT"),
            ("CHUNK_CACHE_BUFFER_SIZE", "CHUNK_CACHE_QUEUE_SIZE"),
            ("CHUNK_CACHE_BYPASS_AUTHS", "CHUNK_CACHE_BYPASS_AUTH"),
            ("FILES_ROOT", "FILE_ROOT"),
            ("CERT_FILES", "CERT_FILE"),
        ] {
            let told = told(&[(&format!("REDUCTIONIST_{unknown}"), "a secret")]).expect(unknown);
            let [told] = told.as_slice() else { panic!("{told:?}") };
            assert!(told.contains(&format!("REDUCTIONIST_{unknown} is no setting")), "{told}");
            assert!(told.ends_with(&format!("REDUCTIONIST_{meant} may be meant")), "{told}");
        }
        assert_eq!(
            told(&[("REDUCTIONIST_XYZZY", "1")]),
            Ok(vec!["REDUCTIONIST_XYZZY is no setting, and has no effect".to_owned()])
        );
    }

    #[test]
    fn what_kubernetes_tells_of_services_is_no_setting_and_no_mistake() {
        let links = [
            ("PORT", "tcp://10.0.0.1:8080"),
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", "8080"),
            ("SERVICE_PORT_HTTP", "8080"),
            ("SERVICE_PORT_ALLOW_SOURCES", "8080"),
            ("PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("PORT_8080_TCP_PROTO", "tcp"),
            ("PORT_8080_TCP_PORT", "8080"),
            ("PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("PORT_53_UDP_ADDR", "10.0.0.1"),
        ];
        for (name, value) in links {
            for service in ["", "METRICS_", "ALLOW_SOURCES_"] {
                assert!(is_service_link(&format!("{service}{name}"), value), "{service}{name}");
                assert_eq!(told(&[(&format!("REDUCTIONIST_{service}{name}"), value)]), Ok(Vec::new()));
            }
        }
        for (name, value) in
            [("PORT", "8080"), ("HOST", "10.0.0.1"), ("ALLOW_SOURCE", "http://10.0.0.1"), ("PORT_X_TCP", "1")]
        {
            assert!(!is_service_link(name, value), "{name}");
        }
    }

    #[test]
    fn settings_and_variables_of_others_are_not_told() {
        let known =
            ["REDUCTIONIST_PORT", "REDUCTIONIST_USE_CHUNK_CACHE", "REDUCTIONIST_PASSWORD", "PATH", "REDUCTIONISM"];
        assert_eq!(told(&known.map(|name| (name, "1"))), Ok(Vec::new()));
    }

    #[test]
    fn who_named_an_agent_of_jaeger_is_told_what_took_its_place() {
        let told = told(&[("OTEL_EXPORTER_JAEGER_AGENT_HOST", "jaeger.example")]).expect("no error");
        assert!(
            told[0].contains("OTEL_EXPORTER_OTLP_ENDPOINT") && told[0].contains("http://jaeger.example:4318"),
            "{told:?}"
        );
    }
}
