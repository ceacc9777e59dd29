using System.CommandLine;
using System.Globalization;

namespace Latchkey.Cli;

/// <summary>
/// A setting of the server. One name gives the flag (<c>--trusted-proxies</c>), the environment variable (<c>LATCHKEY_TRUSTED_PROXIES</c>) and the key in
/// a configuration file (<c>settings.trusted_proxies</c>); a flag wins over the variable, the variable over the file.
/// </summary>
internal sealed class Setting
{
    private Setting(string key, string placeholder, string description, Action<Option<string?>>? shape = null)
    {
        Key = key;
        Option = new Option<string?>("--" + key.Replace('_', '-')) { Description = description, HelpName = placeholder };
        shape?.Invoke(Option);
    }

    public static readonly Setting Issuer = new("issuer", "URL", "The server's name and address: https, or http on this computer");
    public static readonly Setting Data = new("data", "DIR", "Where the server keeps its database and key ring [default: latchkey-data]");
    public static readonly Setting Database =
        new("database", "URL", "sqlite:PATH or postgres://user:password@host:5432/name; several times to spread people over as many [default: sqlite:{data}/latchkey.db]", Several);
    public static readonly Setting KeyEncryptionKey = new("key_encryption_key", "FILE", "Encrypts the key ring: a file that holds 32 bytes in base64");
    public static readonly Setting Urls = new("urls", "URLS", "Where to listen, separated by commas or semicolons [default: the issuer's host and port]");
    public static readonly Setting TlsCert = new("tls_cert", "FILE", "The certificate chain, PEM; read again when it changes");
    public static readonly Setting TlsKey = new("tls_key", "FILE", "The certificate's private key, PEM");
    public static readonly Setting TrustedProxies = new("trusted_proxies", "CIDR,…", "Proxies whose X-Forwarded headers count; allows http beyond this computer");
    public static readonly Setting MtlsUrls = new("mtls_urls", "URLS", "Where to listen for connections with a client certificate (RFC 8705); https only");
    public static readonly Setting MtlsUrl = new("mtls_url", "URL", "That address as clients know it [default: the issuer with the port of --mtls-urls]");
    public static readonly Setting TlsClientCa = new("tls_client_ca", "FILE", "The authorities of client certificates for tls_client_auth, PEM");
    public static readonly Setting ClientCertificateHeader = new("client_certificate_header", "NAME", "The header in which trusted proxies hand on the client's certificate, such as Client-Cert");
    public static readonly Setting DPoPNonce = new("dpop_nonce", "MODE", "off or required: whether DPoP proofs need a nonce of the server [default: off]");
    public static readonly Setting DPoPClockSkew = new("dpop_clock_skew", "SECONDS", "How far the time of a DPoP proof may be from now [default: 60]");
    public static readonly Setting LogLevel = new("log_level", "LEVEL", "trace, debug, information, warning or error [default: information]");
    public static readonly Setting LogFormat = new("log_format", "FORMAT", "text or json [default: text]");
    public static readonly Setting MetricsUrls = new("metrics_urls", "URLS", "Where Prometheus reads /metrics, apart from everything else, such as http://127.0.0.1:9464 [default: nowhere]");
    public static readonly Setting OtlpEndpoint = new("otlp_endpoint", "URL", "The OpenTelemetry collector that gets metrics and traces, such as http://127.0.0.1:4318 [default: none]");
    public static readonly Setting Registration = new("registration", "MODE", "Who may register clients: off, token or open [default: off]");
    public static readonly Setting ClientIdMetadataDocuments = new("client_id_metadata_documents", "MODE", "Clients whose id is a URL: on, off or loopback [default: on]");
    public static readonly Setting InitialAccessToken = new("initial_access_token", "TOKEN", "What clients register with where registration is token; better set by variable or file");
    public static readonly Setting SoftwareStatementIssuers = new("software_statement_issuers", "LIST", "Who may vouch for clients: issuer and jwks_uri, separated by a space; several by commas");

    public static readonly Setting Profile = new("profile", "NAME", "What all clients keep to: oauth21, fapi2-security, fapi2-message-signing or mcp [default: what each client says]");

    public static readonly Setting RequirePushedAuthorizationRequests =
        new("require_pushed_authorization_requests", "BOOLEAN", "Whether every client must push its requests (RFC 9126), true or false [default: false]");

    /// <summary>Lifetimes of the server's options, in seconds.</summary>
    public static readonly Setting AccessTokenLifetime = Seconds("access_token_lifetime", "How long access tokens live [default: 900]");
    public static readonly Setting AuthorizationCodeLifetime = Seconds("authorization_code_lifetime", "How long authorization codes live [default: 60]");
    public static readonly Setting PushedRequestLifetime = Seconds("pushed_request_lifetime", "How long a pushed request waits for its browser [default: 60]");
    public static readonly Setting RefreshTokenIdleLifetime = Seconds("refresh_token_idle_lifetime", "How long an unused refresh token lives [default: 30 days]");
    public static readonly Setting RefreshTokenAbsoluteLifetime = Seconds("refresh_token_absolute_lifetime", "How long a grant lives at most [default: 365 days]");
    public static readonly Setting RefreshTokenLeeway = Seconds("refresh_token_leeway", "How long the previous refresh token may be tried again [default: 60]");
    public static readonly Setting SessionLifetime = Seconds("session_lifetime", "How long a sign-in lasts [default: 14 days]");
    public static readonly Setting DeviceCodeLifetime = Seconds("device_code_lifetime", "How long device codes live [default: 600]");
    public static readonly Setting StatusListTtl = Seconds("status_list_ttl", "How long a revoked token may live on at an API [default: 15]");
    public static readonly Setting KeyRotationInterval = Seconds("key_rotation_interval", "How long a signing key is used [default: 90 days]");
    public static readonly Setting AuditRetention = Seconds("audit_retention", "How long the audit keeps an event [default: 365 days]");

    /// <summary>Every setting, in the order of the help.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Issuer, Data, Database, KeyEncryptionKey, Urls, TlsCert, TlsKey, TrustedProxies, MtlsUrls, MtlsUrl, TlsClientCa,
        ClientCertificateHeader, DPoPNonce, DPoPClockSkew, LogLevel, LogFormat, MetricsUrls, OtlpEndpoint, Registration,
        ClientIdMetadataDocuments, InitialAccessToken, SoftwareStatementIssuers, Profile, RequirePushedAuthorizationRequests, AccessTokenLifetime,
        AuthorizationCodeLifetime, PushedRequestLifetime,
        RefreshTokenIdleLifetime, RefreshTokenAbsoluteLifetime, RefreshTokenLeeway, SessionLifetime, DeviceCodeLifetime, StatusListTtl,
        KeyRotationInterval, AuditRetention,
    ];

    /// <summary>The keys that <c>settings</c> of a configuration file may have.</summary>
    public static IReadOnlyCollection<string> Keys { get; } = [.. All.Select(setting => setting.Key)];

    /// <summary>The name in a configuration file.</summary>
    public string Key { get; }

    /// <summary>The flag.</summary>
    public Option<string?> Option { get; }

    /// <summary>The environment variable.</summary>
    public string Variable => "LATCHKEY_" + Key.ToUpper(CultureInfo.InvariantCulture);

    /// <summary>Lets a flag be given several times: its values are then one text, with spaces between them, as a variable has them.</summary>
    public static void Several(Option<string?> option)
    {
        option.Arity = ArgumentArity.OneOrMore;
        option.CustomParser = given => string.Join(' ', given.Tokens.Select(token => token.Value));
    }

    private static Setting Seconds(string key, string description) => new(key, "SECONDS", description);
}
