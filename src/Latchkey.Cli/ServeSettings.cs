using System.Net;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Server.Hosting;
using Latchkey.Server.Profiles;
using Latchkey.Server.Registration;
using Latchkey.Verification.DPoP;

namespace Latchkey.Cli;

/// <summary>All that <c>latchkey serve</c> is told, read and judged.</summary>
internal sealed record ServeSettings
{
    /// <summary>What the server itself needs to know.</summary>
    public required ServerOptions Options { get; init; }

    /// <summary>The data folder.</summary>
    public required string Data { get; init; }

    /// <summary>The database.</summary>
    public required DatabaseAddress Database { get; init; }

    /// <summary>Under which the key ring is encrypted, if the operator brings a key.</summary>
    public byte[]? KeyEncryptionKey { get; init; }

    /// <summary>Where to listen.</summary>
    public required IReadOnlyList<ListenAddress> Addresses { get; init; }

    /// <summary>Where to listen for connections that are asked for a client certificate; nowhere unless set.</summary>
    public IReadOnlyList<ListenAddress> MtlsAddresses { get; init; } = [];

    /// <summary>The certificate; needed where an address is https.</summary>
    public CertificateFiles? Certificate { get; init; }

    /// <summary>Proxies whose forwarded headers count.</summary>
    public IReadOnlyList<IPNetwork> Proxies { get; init; } = [];

    /// <summary>The least that is logged of Latchkey itself.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Whether a log line is a JSON object.</summary>
    public bool LogJson { get; init; }

    /// <summary>Where figures are read; empty for nowhere.</summary>
    public IReadOnlyList<ListenAddress> MetricsAddresses { get; init; } = [];

    /// <summary>The collector that figures and traces are sent to; null for none.</summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>What is applied at start.</summary>
    public DeclaredState State { get; init; } = DeclaredState.Empty;

    /// <summary>Reads and judges the settings.</summary>
    /// <exception cref="SettingException">One is missing or wrong.</exception>
    public static ServeSettings Read(SettingSources sources, DeclaredState state)
    {
        var proxies = ReadProxies(sources);
        var issuer = ReadIssuer(sources);
        var certificate = ReadCertificate(sources);
        var data = Path.GetFullPath(sources.Find(Setting.Data)?.Text ?? DataFolder.Default);
        var mtls = sources.Find(Setting.MtlsUrls) is { } urls ? ListenAddress.ReadMtls(urls, certificate is not null) : [];
        return new ServeSettings
        {
            Options = ReadSenderConstraint(sources, ReadOptions(sources, issuer), mtls, proxies.Count > 0),
            Data = data,
            Database = DatabaseAddress.Read(sources.Find(Setting.Database), data),
            KeyEncryptionKey = KeyRingSetup.ReadKey(sources),
            Addresses = ListenAddress.Read(sources.Find(Setting.Urls), issuer, certificate is not null, proxies.Count > 0),
            MtlsAddresses = mtls,
            Certificate = certificate,
            Proxies = proxies,
            LogLevel = sources.Word(Setting.LogLevel, "information", "trace", "debug", "warning", "error") switch
            {
                "trace" => LogLevel.Trace,
                "debug" => LogLevel.Debug,
                "warning" => LogLevel.Warning,
                "error" => LogLevel.Error,
                _ => LogLevel.Information,
            },
            LogJson = sources.Word(Setting.LogFormat, "text", "json") == "json",
            MetricsAddresses = ListenAddress.ReadMetrics(sources.Find(Setting.MetricsUrls)),
            OtlpEndpoint = ReadOtlpEndpoint(sources),
            State = state,
        };
    }

    private static ServerOptions ReadOptions(SettingSources sources, string issuer)
    {
        const long day = 24 * 3600;
        var options = new ServerOptions { Issuer = issuer };
        options = options with
        {
            AccessTokenLifetime = sources.Seconds(Setting.AccessTokenLifetime, options.AccessTokenLifetime, 10, 3600),
            AuthorizationCodeLifetime = sources.Seconds(Setting.AuthorizationCodeLifetime, options.AuthorizationCodeLifetime, 5, 600),
            PushedRequestLifetime = sources.Seconds(Setting.PushedRequestLifetime, options.PushedRequestLifetime, 5, 600),
            RequirePushedAuthorizationRequests = sources.Word(Setting.RequirePushedAuthorizationRequests, "false", "true") == "true",
            RefreshTokenIdleLifetime = sources.Seconds(Setting.RefreshTokenIdleLifetime, options.RefreshTokenIdleLifetime, 60, 3650 * day),
            RefreshTokenAbsoluteLifetime = sources.Seconds(Setting.RefreshTokenAbsoluteLifetime, options.RefreshTokenAbsoluteLifetime, 60, 3650 * day),
            RefreshTokenLeeway = sources.Seconds(Setting.RefreshTokenLeeway, options.RefreshTokenLeeway, 0, 3600),
            SessionLifetime = sources.Seconds(Setting.SessionLifetime, options.SessionLifetime, 60, 365 * day),
            DeviceCodeLifetime = sources.Seconds(Setting.DeviceCodeLifetime, options.DeviceCodeLifetime, 30, 1800),
            StatusListTtl = sources.Seconds(Setting.StatusListTtl, options.StatusListTtl, 1, 3600),
            KeyRotationInterval = sources.Seconds(Setting.KeyRotationInterval, options.KeyRotationInterval, 3600, 3650 * day),
            AuditRetention = sources.Seconds(Setting.AuditRetention, options.AuditRetention, day, 36500 * day),
        };
        return options with
        {
            Profile = ReadProfile(sources),
            Registration = sources.Word(Setting.Registration, "off", "token", "open") switch
            {
                "token" => RegistrationMode.Token,
                "open" => RegistrationMode.Open,
                _ => RegistrationMode.Off,
            },
            InitialAccessToken = ReadInitialAccessToken(sources),
            SoftwareStatementIssuers = ReadSoftwareStatementIssuers(sources),
            ClientIdMetadataDocuments = sources.Word(Setting.ClientIdMetadataDocuments, "on", "off", "loopback") switch
            {
                "off" => MetadataDocumentMode.Off,
                "loopback" => MetadataDocumentMode.Loopback,
                _ => MetadataDocumentMode.On,
            },
        };
    }

    /// <summary>The profile that all clients are to keep to.</summary>
    /// <exception cref="SettingException">There is no such profile.</exception>
    public static SecurityProfile ReadProfile(SettingSources sources)
    {
        if (sources.Find(Setting.Profile) is not { } name) return SecurityProfile.None;
        return SecurityProfiles.TryParse(name.Text, out var profile)
            ? profile
            : throw new SettingException($"{name.Source} is \"{name.Text}\", but it must be one of {string.Join(", ", SecurityProfiles.Names)}.");
    }

    private static string? ReadInitialAccessToken(SettingSources sources)
    {
        const int shortest = 16;
        var needed = sources.Find(Setting.Registration) is { } mode && mode.Text.Equals("token", StringComparison.OrdinalIgnoreCase) ? mode.Source : null;
        if (sources.Find(Setting.InitialAccessToken) is not { } token)
        {
            return needed is null
                ? null
                : throw new SettingException($"{needed} is \"token\", but initial_access_token is not set; give the token that clients register with, or set registration to open or off.");
        }

        // RFC 6750 section 2.1: anything else could not be sent.
        if (token.Text.Length < shortest || token.Text.Any(character => !char.IsAsciiLetterOrDigit(character) && character is not ('-' or '.' or '_' or '~' or '+' or '/' or '=')))
            throw new SettingException($"{token.Source} must have {shortest} characters or more, all of them letters, digits or -._~+/=; take a long, random one.");
        return token.Text;
    }

    private static Dictionary<string, string> ReadSoftwareStatementIssuers(SettingSources sources)
    {
        var issuers = new Dictionary<string, string>(StringComparer.Ordinal);
        if (sources.Find(Setting.SoftwareStatementIssuers) is not { } value) return issuers;
        foreach (var pair in value.Text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (pair.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var issuer, var keys] || !Uri.TryCreate(keys, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http"))
                throw new SettingException($"{value.Source} has \"{pair}\", but each entry is an issuer, a space, and the URL of its keys.");
            issuers[issuer] = keys;
        }

        return issuers;
    }

    private static ServerOptions ReadSenderConstraint(SettingSources sources, ServerOptions options, IReadOnlyList<ListenAddress> mtls, bool behindProxy)
    {
        var header = sources.Find(Setting.ClientCertificateHeader);
        if (header is { } named)
        {
            if (!behindProxy) throw new SettingException($"{named.Source} is set, but --trusted-proxies is not; a header that anybody may send proves nothing, so name the proxies.");
            if (named.Text.Any(character => !char.IsAsciiLetterOrDigit(character) && character != '-'))
                throw new SettingException($"{named.Source} is \"{named.Text}\", which is no name of a header; write one such as Client-Cert.");
        }

        var url = sources.Find(Setting.MtlsUrl);
        if (url is { } address && !(Uri.TryCreate(address.Text, UriKind.Absolute, out var parsed) && parsed.Scheme == "https" && parsed.Query.Length == 0 && parsed.Fragment.Length == 0))
            throw new SettingException($"{address.Source} is \"{address.Text}\", but it must be an absolute https URL without query.");
        if (url is { } alone && mtls.Count == 0 && header is null)
            throw new SettingException($"{alone.Source} is set, but nothing takes client certificates there; give --mtls-urls, or --client-certificate-header where a proxy does.");
        return options with
        {
            // Without a port of its own the issuer's path and name are the same there.
            MtlsUrl = url?.Text ?? (mtls.Count == 0 ? null : new UriBuilder(options.Issuer) { Scheme = "https", Port = mtls[0].Port }.Uri.AbsoluteUri.TrimEnd('/')),
            ClientCertificateHeader = header?.Text,
            ClientCertificateAuthorities = sources.Find(Setting.TlsClientCa) is { } file ? CertificateFiles.ReadAuthorities(file) : [],
            DPoPNonces = sources.Word(Setting.DPoPNonce, "off", "required") == "required" ? DPoPNonceMode.Required : DPoPNonceMode.Off,
            DPoPClockSkew = sources.Seconds(Setting.DPoPClockSkew, options.DPoPClockSkew, 10, 300),
        };
    }

    private static string ReadIssuer(SettingSources sources)
    {
        if (sources.Find(Setting.Issuer) is not { } issuer)
            throw new SettingException("The issuer is not set; give --issuer URL, such as --issuer http://127.0.0.1:5100, or LATCHKEY_ISSUER.");
        if (IssuerFault(issuer.Text) is { } fault) throw new SettingException($"{issuer.Source} is \"{issuer.Text}\", but {fault}.");
        return issuer.Text;
    }

    private static string? IssuerFault(string issuer)
    {
        if (issuer.Any(character => character is <= ' ' or > '~') || !Uri.TryCreate(issuer, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            return "it must be an absolute https URL (or http on this computer)";
        if (uri.Query.Length > 0 || issuer.Contains('?', StringComparison.Ordinal)) return "an issuer has no query; take it off";
        if (uri.Fragment.Length > 0 || issuer.Contains('#', StringComparison.Ordinal)) return "an issuer has no fragment; take it off";
        if (uri.UserInfo.Length > 0) return "an issuer has no user information; take it off";
        if (uri.Scheme == "http" && !ListenAddress.IsLoopback(uri.Host)) return "http is only for 127.0.0.1, [::1] and localhost; use https";
        if (uri.Port <= 0) return "its port must be a real one";
        // The issuer is compared byte by byte by every client: only the form that URL libraries leave alone is safe.
        var normal = uri.AbsoluteUri;
        if (issuer != normal && issuer + "/" != normal) return $"it is not in its normal form; write {(uri.AbsolutePath == "/" ? normal.TrimEnd('/') : normal)}";
        return uri.AbsolutePath.Length > 1 && issuer.EndsWith('/') ? "its path ends in a slash, which clients keep or drop at will; take it off" : null;
    }

    private static Uri? ReadOtlpEndpoint(SettingSources sources)
    {
        if (sources.Find(Setting.OtlpEndpoint) is not { } value) return null;
        // The collector's address; /v1/metrics and /v1/traces are appended to it.
        return Uri.TryCreate(value.Text.TrimEnd('/') + "/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Query.Length == 0 && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
            ? uri
            : throw new SettingException($"{value.Source} is no http or https URL, or has a query or user information; write the collector's address, such as http://127.0.0.1:4318.");
    }

    private static CertificateFiles? ReadCertificate(SettingSources sources)
    {
        var (certificate, key) = (sources.Find(Setting.TlsCert), sources.Find(Setting.TlsKey));
        if (certificate is null && key is null) return null;
        if (certificate is not { } chain) throw new SettingException($"{key!.Value.Source} is set, but --tls-cert is not; give the certificate's PEM file too.");
        if (key is not { } secret) throw new SettingException($"{chain.Source} is set, but --tls-key is not; give the private key's PEM file too.");
        return new CertificateFiles(chain, secret);
    }

    private static IReadOnlyList<IPNetwork> ReadProxies(SettingSources sources)
    {
        if (sources.Find(Setting.TrustedProxies) is not { } value) return [];
        return TrustedProxies.TryParse(value.Text, out var networks, out var fault)
            ? networks
            : throw new SettingException($"{value.Source} is wrong: {fault} Write CIDR ranges, separated by commas.");
    }
}
