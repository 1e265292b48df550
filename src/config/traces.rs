//! How traces are sent, by the variables that OpenTelemetry has for it.

use std::{num::NonZeroU64, time::Duration};

use url::Url;

use super::error::ConfigError;
use crate::telemetry::{Protocol, TraceSettings};

/// Which requests can be traced: the samplers of the specification that there are here.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Time for one export of traces, as the specification has it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the exporter reads by itself, and takes for something else where it makes no sense: whole numbers from 1 on.
const BATCHES: [(&str, u64); 4] = [
    // Spans: room for them is made at the start.
    ("OTEL_BSP_MAX_QUEUE_SIZE", 1 << 20),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1 << 20),
    // Milliseconds.
    ("OTEL_BSP_SCHEDULE_DELAY", 1 << 32),
    ("OTEL_BSP_EXPORT_TIMEOUT", 1 << 32),
];

/// How to send traces, if at all, by the variables of the OpenTelemetry specification ("Environment Variable Specification",
/// "OpenTelemetry Protocol Exporter").
pub(super) fn traces(
    is_enabled: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<TraceSettings>, ConfigError> {
    // An empty value is one that is not set.
    let variables = Variables(|name: &str| variable(name).filter(|value| !value.trim().is_empty()));
    let is_off = variables.is_off()?;
    let exporter = variables.get("OTEL_TRACES_EXPORTER")?;
    let endpoint = variables.of_exporter("ENDPOINT")?;
    if is_off || exporter.as_deref() == Some("none") || !is_enabled && endpoint.is_none() {
        return Ok(None);
    }
    if exporter.is_some_and(|exporter| exporter != "otlp") {
        return Err(ConfigError("OTEL_TRACES_EXPORTER must be otlp or none".to_owned()));
    }
    if let Some((name, endpoint)) = endpoint {
        check_endpoint(&name, &endpoint)?;
    }
    variables.check_headers()?;
    variables.check_sampler()?;
    for (name, most) in BATCHES {
        variables.number(name, most)?;
    }
    Ok(Some(TraceSettings { protocol: variables.protocol()?, timeout: variables.timeout()? }))
}

/// It is named, and not shown: it may have secrets in it.
fn check_endpoint(name: &str, endpoint: &str) -> Result<(), ConfigError> {
    let url = Url::parse(endpoint).ok().filter(Url::has_host);
    let begins = ["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme));
    let Some(url) = url.filter(|_| begins) else {
        return Err(ConfigError(format!("{name} must be a URL such as http://localhost:4318")));
    };
    if url.username().is_empty() && url.password().is_none() {
        Ok(())
    } else {
        let instead = "the collector's credentials belong in OTEL_EXPORTER_OTLP_HEADERS";
        Err(ConfigError(format!("{name} must have no user and no password: {instead}")))
    }
}

/// Values by name.
struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Of those that are set. The exporter reads them as they are.
    fn get(&self, name: &str) -> Result<Option<String>, ConfigError> {
        match (self.0)(name) {
            Some(value) if value.trim() != value => {
                Err(ConfigError(format!("{name} must not begin or end with a space")))
            }
            value => Ok(value),
        }
    }

    /// What is set for traces, or for all signals, and its name.
    fn of_exporter(&self, what: &str) -> Result<Option<(String, String)>, ConfigError> {
        for name in [format!("OTEL_EXPORTER_OTLP_TRACES_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")] {
            if let Some(value) = self.get(&name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    fn is_off(&self) -> Result<bool, ConfigError> {
        match self.get("OTEL_SDK_DISABLED")?.map(|value| value.to_ascii_lowercase()).as_deref() {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(_) => Err(ConfigError("OTEL_SDK_DISABLED must be true or false".to_owned())),
        }
    }

    /// They may be secrets, and are not shown.
    fn check_headers(&self) -> Result<(), ConfigError> {
        match self.of_exporter("HEADERS")? {
            Some((name, headers)) if !headers.split(',').all(|header| header.contains('=')) => {
                Err(ConfigError(format!("{name} must be name=value, separated by commas")))
            }
            _ => Ok(()),
        }
    }

    fn protocol(&self) -> Result<Protocol, ConfigError> {
        match self.of_exporter("PROTOCOL")? {
            None => Ok(Protocol::Http),
            Some((_, value)) if value == "http/protobuf" => Ok(Protocol::Http),
            Some((_, value)) if value == "grpc" => Ok(Protocol::Grpc),
            Some((name, _)) => Err(ConfigError(format!("{name} must be grpc or http/protobuf"))),
        }
    }

    fn timeout(&self) -> Result<Duration, ConfigError> {
        let Some((name, value)) = self.of_exporter("TIMEOUT")? else { return Ok(EXPORT_TIMEOUT) };
        match value.parse::<NonZeroU64>() {
            Ok(millis) => Ok(Duration::from_millis(millis.get())),
            Err(_) => Err(ConfigError(format!("{name} must be milliseconds"))),
        }
    }

    /// Without this, the exporter would trace every request if it cannot read which ones it should.
    fn check_sampler(&self) -> Result<(), ConfigError> {
        let Some(sampler) = self.get("OTEL_TRACES_SAMPLER")? else { return Ok(()) };
        if !SAMPLERS.contains(&sampler.as_str()) {
            return Err(ConfigError(format!("OTEL_TRACES_SAMPLER must be one of {}", SAMPLERS.join(", "))));
        }
        let ratio = self.get("OTEL_TRACES_SAMPLER_ARG")?;
        let is_ratio = |ratio: String| ratio.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio));
        if sampler.ends_with("traceidratio") && !ratio.is_none_or(is_ratio) {
            return Err(ConfigError("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1".to_owned()));
        }
        Ok(())
    }

    fn number(&self, name: &str, most: u64) -> Result<(), ConfigError> {
        match self.get(name)?.map(|value| value.parse::<u64>()) {
            None => Ok(()),
            Some(Ok(number)) if (1..=most).contains(&number) => Ok(()),
            Some(_) => Err(ConfigError(format!("{name} must be a whole number from 1 to {most}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(is_enabled: bool, variables: &[(&str, &str)]) -> Result<Option<TraceSettings>, ConfigError> {
        let find = |name: &str| variables.iter().find(|(found, _)| *found == name);
        traces(is_enabled, |name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn traces_are_sent_if_somebody_wants_them_and_nobody_forbids_it() {
        fn protocol(is_enabled: bool, variables: &[(&str, &str)]) -> Option<Protocol> {
            chosen(is_enabled, variables).unwrap().map(|settings| settings.protocol)
        }
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4317");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert_eq!(protocol(false, &[]), None);
        assert_eq!(protocol(false, &[grpc]), None);
        assert_eq!(protocol(false, &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), None);
        assert_eq!(protocol(true, &[]), Some(Protocol::Http));
        assert_eq!(protocol(false, &[endpoint, grpc]), Some(Protocol::Grpc));
        assert_eq!(
            protocol(true, &[grpc, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")]),
            Some(Protocol::Http)
        );
        assert_eq!(protocol(true, &[endpoint, ("OTEL_SDK_DISABLED", "True")]), None);
        assert_eq!(protocol(true, &[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), None);
        let timeout = |value| chosen(true, &[("OTEL_EXPORTER_OTLP_TIMEOUT", value)]);
        assert_eq!(timeout("250").unwrap().unwrap().timeout, Duration::from_millis(250));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (variable, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc "),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http:localhost"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", " http://localhost:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@collector"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://me:a secret@collector"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://secret@collector"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: a secret"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=1,a secret"),
            ("OTEL_SDK_DISABLED", "1"),
            ("OTEL_TRACES_EXPORTER", "console"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER", " always_off "),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "-1"),
        ] {
            let error = chosen(true, &[(variable, value)]).unwrap_err().to_string();
            assert!(error.contains(variable) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_share_of_requests_is_a_number_from_0_to_1() {
        for sampler in ["traceidratio", "parentbased_traceidratio"] {
            let share = |share| {
                chosen(true, &[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", share)])
                    .map_err(|error| error.to_string())
            };
            for right in ["0", "1", "0.01", "1e-3", ""] {
                assert!(share(right).is_ok(), "{right:?}");
            }
            for wrong in ["lots", "7", "-0.1", "NaN", "1/100", "1 "] {
                assert!(share(wrong).unwrap_err().contains("OTEL_TRACES_SAMPLER_ARG"), "{wrong:?}");
            }
        }
        assert!(chosen(true, &[("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_TRACES_SAMPLER_ARG", "none")]).is_ok());
    }
}
