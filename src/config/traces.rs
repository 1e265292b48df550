//! How traces are sent, by the variables that OpenTelemetry has for it.

use std::{num::NonZeroU64, time::Duration};

use super::ConfigError;
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

/// How to send traces, if at all, by the variables of the OpenTelemetry specification ("Environment Variable Specification",
/// "OpenTelemetry Protocol Exporter").
pub(super) fn traces(
    is_enabled: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<TraceSettings>, ConfigError> {
    // An empty value is one that is not set.
    let variable = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let of_exporter = |name: &str| {
        variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
            .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
    };
    let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    if is_off || !is_enabled && of_exporter("ENDPOINT").is_none() {
        return Ok(None);
    }
    let protocol = match of_exporter("PROTOCOL").as_deref() {
        None | Some("http/protobuf") => Protocol::Http,
        Some("grpc") => Protocol::Grpc,
        Some(_) => return Err(ConfigError("OTEL_EXPORTER_OTLP_PROTOCOL must be grpc or http/protobuf".to_owned())),
    };
    let is_url = |endpoint: &String| ["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme));
    if !of_exporter("ENDPOINT").as_ref().is_none_or(is_url) {
        return Err(ConfigError("OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https://".to_owned()));
    }
    if variable("OTEL_TRACES_SAMPLER").is_some_and(|sampler| !SAMPLERS.contains(&sampler.as_str())) {
        return Err(ConfigError(format!("OTEL_TRACES_SAMPLER must be one of {}", SAMPLERS.join(", "))));
    }
    let millis = of_exporter("TIMEOUT").map(|millis| millis.parse::<NonZeroU64>()).transpose();
    let millis = millis.map_err(|_| ConfigError("OTEL_EXPORTER_OTLP_TIMEOUT must be milliseconds".to_owned()))?;
    let timeout = millis.map_or(EXPORT_TIMEOUT, |millis| Duration::from_millis(millis.get()));
    Ok(Some(TraceSettings { protocol, timeout }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_sent_if_somebody_wants_them_and_nobody_forbids_it() {
        fn chosen(is_enabled: bool, variables: &[(&str, &str)]) -> Result<Option<TraceSettings>, ConfigError> {
            let find = |name: &str| variables.iter().find(|(found, _)| *found == name);
            traces(is_enabled, |name| find(name).map(|(_, value)| (*value).to_owned()))
        }
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
        for (variable, value) in [
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
        ] {
            let error = chosen(true, &[(variable, value)]).unwrap_err().to_string();
            assert!(error.contains(variable), "{error}");
        }
        let json = chosen(true, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]);
        assert!(json.unwrap_err().to_string().contains("OTEL_EXPORTER_OTLP_PROTOCOL"));
    }
}
