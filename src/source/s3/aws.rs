//! What host names of AWS mean ("Amazon S3 endpoints and quotas" and "VPC endpoints" of the AWS documentation).

/// The domains of AWS: its own partitions, and China's.
const DOMAINS: [&str; 2] = [".amazonaws.com", CHINA];
const CHINA: &str = ".amazonaws.com.cn";

/// The first region of S3, which host names without a region mean.
const FIRST_REGION: &str = "us-east-1";

/// The parts of a host name of S3 at AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AwsHost<'a> {
    /// What comes before the service, with its dot: a bucket, an access point, a VPC endpoint, or nothing.
    before: &'a str,
    /// `s3`, `s3-fips`, `s3-accesspoint` …
    service: &'a str,
    /// `dualstack.`, or nothing.
    stack: &'a str,
    region: Option<&'a str>,
    /// What follows the region, at least `.amazonaws.com`.
    behind: &'a str,
}

impl<'a> AwsHost<'a> {
    /// The parts of a host name; None if it is not one of S3 at AWS.
    pub(super) fn parse(host: &'a str) -> Option<Self> {
        let name = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain))?;
        let domain = host.get(name.len()..)?;
        // The last such label: a bucket may have the name of the service.
        let mut starts = name.rmatch_indices('.').map(|(dot, _)| dot + 1).chain([0]);
        let start = starts.find(|&start| is_service(label_at(name, start)))?;
        let (before, rest) = name.split_at(start);
        let (service, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let (stack, rest) = rest.strip_prefix("dualstack.").map_or(("", rest), |rest| ("dualstack.", rest));
        let (region, vpce) = rest.split_once('.').unwrap_or((rest, ""));
        let behind = if vpce.is_empty() { domain } else { host.get(name.len() - vpce.len() - 1..)? };
        // The old form, `s3-eu-west-1`.
        let (service, region) = match (service.strip_prefix("s3-"), region) {
            (Some(old), "") if is_old_region(old) => ("s3", Some(old)),
            (_, "") => (service, None),
            (_, region) => (service, Some(region)),
        };
        Some(Self { before, service, stack, region, behind })
    }

    /// The region that requests are signed for.
    pub(super) fn region(&self) -> &'a str {
        self.region.unwrap_or(FIRST_REGION)
    }

    /// Whether the name contains the bucket, or what takes its place.
    pub(super) fn has_bucket(&self) -> bool {
        !self.before.is_empty() && !self.before.split('.').any(|label| label.starts_with("vpce-"))
    }

    /// The host of another region that corresponds to this one.
    pub(super) fn in_region(&self, region: &str) -> String {
        let Self { before, service, stack, behind, .. } = self;
        // That service has a name of its own in the first region only.
        let service = if *service == "s3-external-1" { "s3" } else { service };
        format!("{before}{service}.{stack}{region}{behind}")
    }

    /// The host of an access point, with the features of this one.
    fn of_access_point(&self, arn: &AccessPoint<'_>) -> String {
        let domain = if self.behind.ends_with(CHINA) { CHINA } else { ".amazonaws.com" };
        let fips = if self.service.contains("fips") { "-fips" } else { "" };
        let (AccessPoint { name, account, region }, stack) = (arn, self.stack);
        format!("{name}-{account}.s3-accesspoint{fips}.{stack}{region}{domain}")
    }

    /// Why this host cannot be asked, if it cannot.
    pub(super) fn refusal(host: &str) -> Option<String> {
        let is_aws = DOMAINS.iter().any(|domain| host.ends_with(domain));
        let has = |name: &str| is_aws && host.split('.').any(|label| label.starts_with(name));
        if has("s3express") {
            return Some(EXPRESS.to_owned());
        }
        has("s3-global").then(|| {
            "is a multi-region access point, whose signatures this server cannot make: name the bucket in its region"
                .to_owned()
        })
    }
}

/// The bucket that a host of AWS begins with, and the host that has the same bucket below it.
pub(super) fn split_bucket(host: &str) -> Option<(&str, &str)> {
    let parsed = AwsHost::parse(host).filter(|host| host.has_bucket() && matches!(host.service, "s3" | "s3-fips"))?;
    let (bucket, rest) = host.split_at_checked(parsed.before.len())?;
    Some((bucket.strip_suffix('.')?, rest))
}

/// Why buckets in a single zone are refused.
const EXPRESS: &str = "is S3 Express One Zone (a bucket …--x-s3), which wants sessions that this server does not make: copy the object to a \
     general purpose bucket";

/// Why a bucket cannot be read, if its name says so.
pub(super) fn refused_bucket(bucket: &str) -> Option<String> {
    bucket.ends_with("--x-s3").then(|| EXPRESS.to_owned())
}

/// An access point, as its ARN names it: `arn:aws:s3:region:account:accesspoint/name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AccessPoint<'a> {
    name: &'a str,
    account: &'a str,
    region: &'a str,
}

impl<'a> AccessPoint<'a> {
    fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let name = resource.strip_prefix("accesspoint")?.strip_prefix(['/', ':'])?;
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let is_valid = arn == "arn"
            && partition.starts_with("aws")
            && service == "s3"
            && [region, account, name].into_iter().all(is_name);
        is_valid.then_some(Self { name, account, region })
    }
}

/// Whether what is given as a bucket's name is an ARN, that is, of an access point.
pub(crate) fn is_arn(bucket: &str) -> bool {
    bucket.starts_with("arn:")
}

/// The host and the region of the access point that an ARN names; None if it names none, or `host` is not one of AWS.
pub(super) fn access_point(host: &str, arn: &str) -> Option<(String, String)> {
    let (host, arn) = (AwsHost::parse(host)?, AccessPoint::parse(arn)?);
    Some((host.of_access_point(&arn), arn.region.to_owned()))
}

fn label_at(name: &str, start: usize) -> &str {
    let rest = name.get(start..).unwrap_or_default();
    rest.split_once('.').map_or(rest, |(label, _)| label)
}

fn is_service(label: &str) -> bool {
    let is_known = matches!(label, "s3" | "s3-fips" | "s3-external-1" | "s3-accesspoint" | "s3-accesspoint-fips");
    is_known || label.strip_prefix("s3-").is_some_and(is_old_region)
}

/// Whether this is a region such as `eu-west-1`.
fn is_old_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let ends_with_number =
        parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    ends_with_number
        && text != "external-1"
        && parts.filter(|part| part.bytes().all(|b| b.is_ascii_lowercase())).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_say_their_region_and_whether_they_have_a_bucket() {
        for (host, region, has_bucket) in [
            ("s3.amazonaws.com", "us-east-1", false),
            ("s3-external-1.amazonaws.com", "us-east-1", false),
            ("s3.eu-west-1.amazonaws.com", "eu-west-1", false),
            ("s3-eu-west-1.amazonaws.com", "eu-west-1", false),
            ("s3-us-gov-west-1.amazonaws.com", "us-gov-west-1", false),
            ("s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1", false),
            ("s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", false),
            ("s3-fips.dualstack.us-east-2.amazonaws.com", "us-east-2", false),
            ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1", false),
            ("data.s3.amazonaws.com", "us-east-1", true),
            ("data.s3.us-west-2.amazonaws.com", "us-west-2", true),
            ("my.data.s3.dualstack.us-west-2.amazonaws.com", "us-west-2", true),
            ("data.s3-us-west-2.amazonaws.com", "us-west-2", true),
            ("s3.s3.us-west-2.amazonaws.com", "us-west-2", true),
            ("point-123456789012.s3-accesspoint.us-west-2.amazonaws.com", "us-west-2", true),
            ("point-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com", "us-west-2", true),
            ("bucket.vpce-0a1b.s3.us-east-1.vpce.amazonaws.com", "us-east-1", false),
        ] {
            let parsed = AwsHost::parse(host).expect(host);
            assert_eq!((parsed.region(), parsed.has_bucket()), (region, has_bucket), "{host}");
            if parsed.region.is_some() && !host.contains("s3-us-") && !host.contains("s3-eu-") {
                assert_eq!(parsed.in_region(region), host);
            }
        }
        for host in ["store.example", "s3.example", "amazonaws.com", "s3.eu-west-1.wasabisys.com", "sts.amazonaws.com"]
        {
            assert_eq!(AwsHost::parse(host), None, "{host}");
        }
    }

    #[test]
    fn a_host_of_another_region_is_one_of_aws_still() {
        let moved = |host: &str| AwsHost::parse(host).expect(host).in_region("eu-south-2");
        assert_eq!(moved("s3.amazonaws.com"), "s3.eu-south-2.amazonaws.com");
        assert_eq!(moved("s3-external-1.amazonaws.com"), "s3.eu-south-2.amazonaws.com");
        assert_eq!(moved("data.s3.dualstack.us-west-2.amazonaws.com"), "data.s3.dualstack.eu-south-2.amazonaws.com");
        assert_eq!(moved("s3-eu-west-1.amazonaws.com"), "s3.eu-south-2.amazonaws.com");
        assert_eq!(
            moved("bucket.vpce-0a1b.s3.us-east-1.vpce.amazonaws.com"),
            "bucket.vpce-0a1b.s3.eu-south-2.vpce.amazonaws.com"
        );
    }

    #[test]
    fn access_points_have_hosts_of_their_own() {
        let arn = "arn:aws:s3:us-west-2:123456789012:accesspoint/point";
        let host = |host, arn| access_point(host, arn).map(|(host, _)| host);
        assert_eq!(
            host("s3.us-west-2.amazonaws.com", arn).as_deref(),
            Some("point-123456789012.s3-accesspoint.us-west-2.amazonaws.com")
        );
        let with_colon = arn.replace('/', ":");
        assert_eq!(
            host("s3-fips.dualstack.us-west-2.amazonaws.com", &with_colon).as_deref(),
            Some("point-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com")
        );
        for nonsense in [
            "arn:aws:s3:us-west-2:123456789012:accesspoint/a.b/c",
            "arn:aws:s3:us-west-2::accesspoint/point",
            "arn:aws:s3:us/west:123456789012:accesspoint/point",
            "arn:aws:sqs:us-west-2:123456789012:queue",
            "arn:aws:s3",
        ] {
            assert_eq!(host("s3.us-west-2.amazonaws.com", nonsense), None, "{nonsense}");
        }
        assert_eq!(host("store.example", arn), None);
    }

    #[test]
    fn what_needs_other_signatures_is_refused_by_its_name() {
        let express = AwsHost::refusal("data--usw2-az1--x-s3.s3express-usw2-az1.us-west-2.amazonaws.com");
        assert!(express.is_some_and(|why| why.contains("S3 Express")));
        assert!(refused_bucket("data--usw2-az1--x-s3").is_some_and(|why| why.contains("S3 Express")));
        assert!(AwsHost::refusal("name.mrap.accesspoint.s3-global.amazonaws.com").is_some());
        assert!(AwsHost::refusal("s3express.example").is_none() && AwsHost::refusal("s3.amazonaws.com").is_none());
    }
}
