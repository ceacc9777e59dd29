using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Profiles;
using Latchkey.Server.Registration;
using Latchkey.Storage.PostgreSql;
using Npgsql;

namespace Latchkey.Cli.Doctor;

/// <summary>What an operator would be glad to be told of settings, files and folders.</summary>
internal static class SettingRules
{
    private static readonly TimeSpan Soon = TimeSpan.FromDays(21);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DoctorRule> All { get; } =
    [
        new("settings-refused", Severity.Error, null, examined => examined.Refusal is { } refusal
            ? [new("settings", null, $"serve would refuse to start: {refusal.TrimEnd('.')}", "mend that first; the settings were not looked at otherwise")] : []),
        new("settings-not-given", Severity.Note, null, examined => examined is { Settings: null, Refusal: null }
            ? [new("settings", "issuer", "no issuer was given, so that only clients and resources were looked at", "give the same flags, variables and --config as serve gets")] : []),
        new("database-away", Severity.Warning, null, examined => examined.DatabaseFault is { } fault
            ? [new("settings", "database", $"it can't be read, so that only what is declared was looked at: {fault.TrimEnd('.')}", "ask again once it is there")] : []),
        DoctorRule.OfSettings("issuer-http", Severity.Note, "issuer", "OAuth 2.1 section 1.5", (settings, _) => !settings.Options.IsHttps,
            "the issuer is http, which only programs on this computer can use", "take an https issuer for anybody else"),
        DoctorRule.OfSettings("proxy-unnamed", Severity.Warning, "trusted_proxies", null,
            (settings, _) => settings.Options.IsHttps && settings.Proxies.Count == 0 && settings.Addresses.All(address => !address.IsHttps),
            "the issuer is https and the server listens on http, but no proxy is named: all people have the proxy's address, for limits and in the audit", "name the proxies' networks"),
        DoctorRule.OfSettings("proxies-everybody", Severity.Error, "trusted_proxies", null, (settings, _) => settings.Proxies.Any(network => network.PrefixLength == 0),
            "everybody is a trusted proxy, so that anybody can claim any address, and any client certificate where a header brings it", "name the proxies' own networks"),
        DoctorRule.OfSettings("proxies-wide", Severity.Warning, "trusted_proxies", null, (settings, _) => settings.Proxies.Any(network => network.PrefixLength is > 0 and < 8),
            "a network of trusted proxies is larger than any one has", "name the proxies' own networks"),
        DoctorRule.OfSettings("key-encryption-key", Severity.Warning, "key_encryption_key", null, (settings, examined) => settings.KeyEncryptionKey is null && examined.IsPublic,
            "the key ring is not encrypted: whoever gets a copy of the data folder or the database can sign tokens", "make a key with openssl rand -base64 32, and give its file"),
        DoctorRule.OfSettings("sqlite-one-node", Severity.Note, "database", null, (settings, _) => settings.Database.IsFile && settings.Proxies.Count > 0,
            "SQLite serves one node; a second one behind the same proxy would be another server", "move to PostgreSQL before you add a node"),
        new("database-tls", Severity.Warning, null, FindOpenDatabase),
        new("secret-in-arguments", Severity.Warning, null, FindSecretArguments),
        new("secret-in-file", Severity.Warning, null, FindPlainSecrets),
        new("data-folder-open", Severity.Error, null, FindOpenFolder),
        DoctorRule.OfSettings("registration-open", Severity.Warning, "registration", "RFC 7591 section 5", (settings, _) => settings.Options.Registration == RegistrationMode.Open,
            "any program can register itself; built-in limits keep the number and the rate small, and consent pages say that nobody vouches for it", "set it to token or off where you know the programs; or mark scopes as restricted"),
        DoctorRule.OfSettings("documents-loopback", Severity.Warning, "client_id_metadata_documents", null,
            (settings, examined) => settings.Options.ClientIdMetadataDocuments == MetadataDocumentMode.Loopback && examined.IsPublic,
            "metadata documents are also read from this computer, which is meant for development", "set it to on or off"),
        DoctorRule.OfSettings("metrics-public", Severity.Warning, "metrics_urls", null, (settings, _) => settings.MetricsAddresses.Any(address => !ListenAddress.IsLoopback(address.Host)),
            "figures can be read by everybody who reaches the address", "listen on a private address, or see that a firewall does it"),
        DoctorRule.OfSettings("telemetry-http", Severity.Note, "otlp_endpoint", null,
            (settings, _) => settings.OtlpEndpoint is { Scheme: "http" } uri && !ListenAddress.IsLoopback(uri.Host),
            "traces and figures cross the network in clear", "use an https collector, or one on this machine"),
        DoctorRule.OfSettings("long-leeway", Severity.Warning, "refresh_token_leeway", "RFC 9700 section 4.14.2", (settings, _) => settings.Options.RefreshTokenLeeway > TimeSpan.FromMinutes(10),
            "a stolen refresh token that was just replaced stays good for more than 10 minutes", "set it to 600 or less; 60 does for lost answers"),
        DoctorRule.OfSettings("long-grants", Severity.Note, "refresh_token_absolute_lifetime", null, (settings, _) => settings.Options.RefreshTokenAbsoluteLifetime > TimeSpan.FromDays(400),
            "people are not asked again for more than 13 months", "let grants end after a year or less"),
        DoctorRule.OfSettings("slow-revocation", Severity.Warning, "status_list_ttl", null, (settings, _) => settings.Options.StatusListTtl > TimeSpan.FromMinutes(5),
            "a revoked token can live on at APIs for more than 5 minutes", "set it to 300 or less"),
        DoctorRule.OfSettings("old-keys", Severity.Warning, "key_rotation_interval", null, (settings, _) => settings.Options.KeyRotationInterval > TimeSpan.FromDays(400),
            "a signing key is used for more than 13 months", "let keys change once a year or more often"),
        DoctorRule.OfSettings("verbose-log", Severity.Note, "log_level", null, (settings, examined) => settings.LogLevel < LogLevel.Information && examined.IsPublic,
            "the log tells more than is needed in production", "set it to information or warning"),
        new("certificate-over", Severity.Error, null, examined => FindCertificates(examined, (certificate, now) => certificate.NotAfter.ToUniversalTime() <= now, "is over")),
        new("certificate-ending", Severity.Warning, null, examined => FindCertificates(
            examined, (certificate, now) => certificate.NotAfter.ToUniversalTime() > now && certificate.NotAfter.ToUniversalTime() <= now + Soon, "is over within three weeks")),
    ];

    private static IEnumerable<Shortfall> FindOpenDatabase(Examined examined)
    {
        if (examined.Sources.Find(Setting.Database) is not { } database) yield break;
        foreach (var address in DatabaseAddress.Split(database.Text))
        {
            if (!address.StartsWith("postgres", StringComparison.OrdinalIgnoreCase)) continue;
            var settings = PostgreSqlAddress.Parse(address, new()).Settings;
            if (settings.SslMode is SslMode.VerifyFull or SslMode.VerifyCA || settings.Host!.Split(',').All(host => ListenAddress.IsLoopback(host[..host.LastIndexOf(':')]))) continue;
            yield return new("settings", "database", settings.SslMode == SslMode.Require
                    ? "the connection to the database is encrypted, but whose it is, is not verified"
                    : "passwords, grants and keys cross the network to the database, and nothing demands that the connection is encrypted",
                "add ?SSL+Mode=VerifyFull to the address, and Root+Certificate=FILE where its authority is your own");
            yield break;
        }
    }

    // Arguments can be seen by every user of the machine.
    private static IEnumerable<Shortfall> FindSecretArguments(Examined examined)
    {
        if (examined.Sources.Find(Setting.InitialAccessToken) is { } token && token.Source == Setting.InitialAccessToken.Option.Name)
            yield return new("settings", "initial_access_token", "it stands on the command line, which other users of the machine can read", $"give it by {Setting.InitialAccessToken.Variable}");
        if (examined.Sources.Find(Setting.Database) is { } database && database.Source == Setting.Database.Option.Name && HasPassword(database.Text))
            yield return new("settings", "database", "its password stands on the command line, which other users of the machine can read", $"give the address by {Setting.Database.Variable}");
    }

    private static IEnumerable<Shortfall> FindPlainSecrets(Examined examined)
    {
        foreach (var (path, document) in examined.Files)
        {
            var found = Plain(document).ToList();
            if (found.Count == 0) continue;
            yield return new($"file {Path.GetFileName(path)}", found[0], found.Count == 1 ? "a secret stands in the file in clear" : $"{found.Count} secrets stand in the file in clear",
                "write ${NAME}, which is read from the environment; or keep the file from others and out of version control");
        }
    }

    private static IEnumerable<string> Plain(JsonObject document)
    {
        foreach (var (list, member) in (IEnumerable<(string, string)>)[("clients", "client_secret"), ("users", "password")])
        {
            if (document[list] is not JsonArray items) continue;
            for (var i = 0; i < items.Count; i++)
            {
                if (IsPlain(items[i]?[member])) yield return $"{list}[{i}].{member}";
            }
        }

        if (IsPlain(document["settings"]?["initial_access_token"])) yield return "settings.initial_access_token";
        if (document["settings"]?["database"] is JsonValue database && IsPlain(database) && HasPassword(database.GetValue<string>())) yield return "settings.database";
    }

    private static bool IsPlain(JsonNode? node) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.String && value.GetValue<string>() is var text && text.Length > 0 && !text.Contains("${", StringComparison.Ordinal);

    private static bool HasPassword(string database) => DatabaseAddress.Split(database).Any(NamesPassword);

    private static bool NamesPassword(string address) =>
        address.IndexOf("://", StringComparison.Ordinal) is > 0 and var start && address.LastIndexOf('@') is var at && at > start && address[(start + 3)..at] is var login
        && login.Contains(':', StringComparison.Ordinal) && !login.Contains("${", StringComparison.Ordinal);

    private static IEnumerable<Shortfall> FindOpenFolder(Examined examined)
    {
        if (OperatingSystem.IsWindows() || examined.Settings is not { } settings || !Directory.Exists(settings.Data)) yield break;
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        var keys = DataFolder.KeyRing(settings.Data);
        // A folder that nobody else may enter keeps what is in it.
        if ((File.GetUnixFileMode(settings.Data) & (UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) == 0) yield break;
        if ((File.GetUnixFileMode(settings.Data) & others) != 0 || (keys.Exists && (keys.UnixFileMode & others) != 0))
            yield return new("settings", "data", "other users of the machine can look into the data folder, where the keys are", "chmod 700 the folder and the folder keys in it");
    }

    private static IEnumerable<Shortfall> FindCertificates(Examined examined, Func<X509Certificate2, DateTimeOffset, bool> falls, string says)
    {
        if (examined.Settings is not { } settings) yield break;
        if (settings.Certificate?.Current(0, _ => { }).TargetCertificate is { } own && falls(own, examined.Now))
            yield return new("settings", "tls_cert", $"the certificate of https {says} ({own.NotAfter.ToUniversalTime():yyyy-MM-dd})", "renew it; the server reads the files again by itself");
        foreach (var authority in settings.Options.ClientCertificateAuthorities)
        {
            if (falls(authority, examined.Now))
                yield return new("settings", "tls_client_ca", $"the authority {authority.Subject} {says} ({authority.NotAfter.ToUniversalTime():yyyy-MM-dd})", "add its successor to the file");
        }
    }
}
