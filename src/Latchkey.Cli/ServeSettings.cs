using System.Net;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Server.Hosting;
using Latchkey.Server.Registration;

namespace Latchkey.Cli;

/// <summary>All that <c>latchkey serve</c> is told, read and judged.</summary>
internal sealed record ServeSettings
{
    /// <summary>What the server itself needs to know.</summary>
    public required ServerOptions Options { get; init; }

    /// <summary>The data folder.</summary>
    public required string Data { get; init; }

    /// <summary>The file of the SQLite database.</summary>
    public required string DatabasePath { get; init; }

    /// <summary>Where to listen.</summary>
    public required IReadOnlyList<ListenAddress> Addresses { get; init; }

    /// <summary>The certificate; needed where an address is https.</summary>
    public CertificateFiles? Certificate { get; init; }

    /// <summary>Proxies whose forwarded headers count.</summary>
    public IReadOnlyList<IPNetwork> Proxies { get; init; } = [];

    /// <summary>The least that is logged of Latchkey itself.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Whether a log line is a JSON object.</summary>
    public bool LogJson { get; init; }

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
        return new ServeSettings
        {
            Options = ReadOptions(sources, issuer),
            Data = data,
            DatabasePath = DataFolder.DatabasePath(sources.Find(Setting.Database), data),
            Addresses = ListenAddress.Read(sources.Find(Setting.Urls), issuer, certificate is not null, proxies.Count > 0),
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
            RefreshTokenIdleLifetime = sources.Seconds(Setting.RefreshTokenIdleLifetime, options.RefreshTokenIdleLifetime, 60, 3650 * day),
            RefreshTokenAbsoluteLifetime = sources.Seconds(Setting.RefreshTokenAbsoluteLifetime, options.RefreshTokenAbsoluteLifetime, 60, 3650 * day),
            RefreshTokenLeeway = sources.Seconds(Setting.RefreshTokenLeeway, options.RefreshTokenLeeway, 0, 3600),
            SessionLifetime = sources.Seconds(Setting.SessionLifetime, options.SessionLifetime, 60, 365 * day),
            DeviceCodeLifetime = sources.Seconds(Setting.DeviceCodeLifetime, options.DeviceCodeLifetime, 30, 1800),
            KeyRotationInterval = sources.Seconds(Setting.KeyRotationInterval, options.KeyRotationInterval, 3600, 3650 * day),
        };
        return options with
        {
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
