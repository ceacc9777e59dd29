using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Profiles;

namespace Latchkey.Cli.Doctor;

/// <summary>What an operator would be glad to be told of clients, resources and trusted issuers, whatever their profile.</summary>
internal static class StateRules
{
    private const int ManyHosts = 3;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DoctorRule> All { get; } =
    [
        DoctorRule.OfClients("client-without-secret", Severity.Error, "client_secret", null,
            (client, examined) => UsesSecret(client.Metadata) && examined.HasDatabase && !client.HasDeclaredSecret && client.Secrets.Count == 0,
            "the client authenticates with a secret and has none, so that it gets nothing", "declare one, or make one with client rotate-secret"),
        DoctorRule.OfClients("client-secret-over", Severity.Error, "client_secret", null,
            (client, examined) => !client.HasDeclaredSecret && client.Secrets.Count > 0 && client.Secrets.All(secret => secret.ExpiresAt <= examined.Now.ToUnixTimeMilliseconds()),
            "every secret of the client is over", "make a new one with client rotate-secret"),
        DoctorRule.OfClients("client-without-pkce", Severity.Warning, "require_pkce", "OAuth 2.1 section 7.5.1", (client, _) => !client.Metadata.RequirePkce,
            "the client may leave PKCE out, so that a code that leaks can be redeemed in its name", "take require_pkce out once its program sends code_challenge"),
        DoctorRule.OfClients("client-endpoint-audience", Severity.Warning, "accept_endpoint_audience", "RFC 10070 section 3", (client, _) => client.Metadata.AcceptEndpointAudience,
            "the client's assertions may name the token endpoint, which another server can have named too", "take accept_endpoint_audience out once its program puts the issuer in aud"),
        DoctorRule.OfClients("client-http-redirect", Severity.Warning, "redirect_uris", "RFC 9700 section 2.6",
            (client, examined) => examined.IsPublic && !client.Metadata.IsNative && client.Metadata.RedirectUris.Any(RedirectUri.IsLoopback),
            "a web app has answers sent to the person's own computer, where any program can listen", "take the address of development out, or register another client for it"),
        DoctorRule.OfClients("client-many-hosts", Severity.Note, "redirect_uris", null, (client, _) => Hosts(client.Metadata) > ManyHosts,
            "answers go to more than three hosts, and the weakest of them is as good as the client", "register a client for each app"),
        DoctorRule.OfClients("client-localhost", Severity.Note, "redirect_uris", "RFC 8252 section 8.3",
            (client, _) => client.Metadata.IsNative && client.Metadata.RedirectUris.Any(uri => uri.StartsWith("http://localhost", StringComparison.Ordinal)),
            "localhost can be made to mean another computer", "register 127.0.0.1 and [::1] and have the app use them"),
        DoctorRule.OfClients("client-consent-skipped", Severity.Warning, "skip_consent", "RFC 8252 section 8.6",
            (client, _) => client.Metadata is { SkipConsent: true, IsPublic: true } && client.Metadata.RedirectUris.Any(uri => !uri.StartsWith("https:", StringComparison.Ordinal)),
            "any program on a person's device can take the client's place and is let in without a word", "take skip_consent out, or use https redirects that the system hands to your app alone"),
        DoctorRule.OfClients("client-impersonates", Severity.Warning, "token_exchange", "RFC 8693 section 1.1", (client, _) => client.Metadata.TokenExchange?.Impersonation == true,
            "the client can exchange a person's token for one that does not tell who acts", "leave impersonation out, so that tokens have act"),
        DoctorRule.OfClients("client-revokes-everything", Severity.Note, "global_token_revocation", null, (client, _) => client.Metadata.GlobalTokenRevocation,
            "the client can end all sessions and grants of anybody", "see that only your identity system has its credentials"),
        DoctorRule.OfClients("client-keys-http", Severity.Error, "jwks_uri", "RFC 7517 section 9", (client, _) => IsOpen(client.Metadata.JwksUri),
            "the client's keys are fetched over http, where anybody on the way can put their own", "use https"),
        DoctorRule.OfClients("client-logout-http", Severity.Warning, "backchannel_logout_uri", "OpenID Connect Back-Channel Logout section 2.2", (client, _) => IsOpen(client.Metadata.BackchannelLogoutUri),
            "logout tokens are not sent over http, so that the app does not hear of a sign-out", "use https"),
        DoctorRule.OfClients("client-weak-key", Severity.Error, "jwks", "RFC 8725 section 3.5", (client, _) => Keys(client.Metadata).Any(IsWeak),
            "an RSA key of the client has fewer than 2048 bits", "have the client make another"),
        DoctorRule.OfClients("client-certificate-over", Severity.Error, "jwks", "RFC 8705 section 2.2", (client, examined) => Keys(client.Metadata).Any(key => IsOver(key, examined.Now)),
            "a certificate of the client is over", "have the client make another, and register it beside the old one"),
        DoctorRule.OfClients("client-without-scope", Severity.Warning, "scope", null,
            (client, _) => client.Origin is null && string.IsNullOrWhiteSpace(client.Metadata.Scope) && client.Metadata.GrantTypes.Count > 0 && client.Metadata.RedirectUris.Count > 0,
            "the client has no scope, so that every request of it is refused", "name the scopes that it may ask for"),
        new("client-unknown-scope", Severity.Warning, null, FindUnknownScopes),
        new("clients-not-looked-at", Severity.Note, null, examined => examined.HasMoreUndeclared
            ? [new("clients", null, $"of those that nobody declared, only the first {Examined.MostUndeclared} that registered themselves and the first {Examined.MostUndeclared} that are known by their documents were looked at", "see the others with client list")] : []),
        new("resource-long-tokens", Severity.Warning, "RFC 9700 section 2.2.1", examined => examined.Resources.Where(resource => resource.AccessTokenLifetime > 3600)
            .Select(resource => new Shortfall($"resource {resource.Resource}", "access_token_lifetime", "its tokens live for more than an hour: where nobody asks for revocations, that is how long a stolen one is good", "let them live for an hour or less; clients refresh them"))),
        new("resource-http", Severity.Warning, "OAuth 2.1 section 1.5", examined => examined.Resources.Where(resource => IsOpen(resource.Resource))
            .Select(resource => new Shortfall($"resource {resource.Resource}", "resource", "the API is named by an http address, so that its tokens may cross the network in clear", "use its https address"))),
        new("resource-unknown-client", Severity.Warning, "RFC 7662 section 4", FindUnknownClients),
        new("issuer-without-client", Severity.Warning, "RFC 7523 section 3.1", examined => examined.TrustedIssuers.Where(issuer => issuer.Rules.Any(rule => rule.WithoutClientAuthentication))
            .Select(issuer => new Shortfall($"trusted issuer {issuer.Issuer}", "without_client_authentication", "whoever holds one of its JWTs gets a token, without proving to be the client", "have the client authenticate where it can"))),
        new("issuer-fits-all", Severity.Warning, null, examined => examined.TrustedIssuers.Where(issuer => issuer.Rules.Any(rule => rule.Claims.Count == 0 && rule.UserClaim is null))
            .Select(issuer => new Shortfall($"trusted issuer {issuer.Issuer}", "rules", "a rule fits every JWT of the issuer, those of other people's projects too", "name claims that only yours have, such as sub or repository"))),
        new("issuer-keys-http", Severity.Error, "RFC 7517 section 9", examined => examined.TrustedIssuers.Where(issuer => IsOpen(issuer.JwksUri) || (issuer.JwksUri is null && issuer.Jwks is null && IsOpen(issuer.Issuer)))
            .Select(issuer => new Shortfall($"trusted issuer {issuer.Issuer}", "jwks_uri", "its keys are fetched over http, where anybody on the way can put their own", "use https"))),
    ];

    private static IEnumerable<Shortfall> FindUnknownScopes(Examined examined)
    {
        var known = examined.Resources.SelectMany(resource => resource.Scopes).Select(scope => scope.Scope).Concat(Scopes.Identity).ToHashSet(StringComparer.Ordinal);
        foreach (var client in examined.Clients)
        {
            var unknown = (client.Metadata.Scope ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(scope => !known.Contains(scope)).ToList();
            if (unknown.Count > 0)
                yield return new(client.Subject, "scope", $"no resource has {string.Join(", ", unknown)}, so that nobody can ask for {(unknown.Count == 1 ? "it" : "them")}", "declare the resource, or mend the spelling");
        }
    }

    private static IEnumerable<Shortfall> FindUnknownClients(Examined examined)
    {
        var known = examined.Clients.Select(client => client.Metadata.ClientId).ToHashSet(StringComparer.Ordinal);
        foreach (var resource in examined.Resources)
        {
            foreach (var client in resource.Clients.Where(client => !known.Contains(client)))
                yield return new($"resource {resource.Resource}", "clients", $"there is no client {client}, so that nobody can introspect as that client", "declare it, or take it out");
        }
    }

    private static bool UsesSecret(ClientMetadata client) =>
        client.TokenEndpointAuthMethod is ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost;

    private static int Hosts(ClientMetadata client) => client.RedirectUris
        .Where(uri => !RedirectUri.IsLoopback(uri)).Select(uri => Uri.TryCreate(uri, UriKind.Absolute, out var parsed) ? parsed.Host : uri).Distinct(StringComparer.OrdinalIgnoreCase).Count();

    private static bool IsOpen(string? uri) => uri is not null && uri.StartsWith("http:", StringComparison.OrdinalIgnoreCase) && !RedirectUri.IsLoopback(uri);

    private static JsonElement.ArrayEnumerator Keys(ClientMetadata client) =>
        client.Jwks is { ValueKind: JsonValueKind.Object } jwks && jwks.TryGetProperty("keys", out var keys) && keys.ValueKind == JsonValueKind.Array ? keys.EnumerateArray() : default;

    private static bool IsWeak(JsonElement key) =>
        Text(key, "kty") == "RSA" && Text(key, "n") is { } modulus && System.Buffers.Text.Base64Url.IsValid(modulus) && System.Buffers.Text.Base64Url.DecodeFromChars(modulus).AsSpan().TrimStart((byte)0).Length < 256;

    private static bool IsOver(JsonElement key, DateTimeOffset now)
    {
        if (!key.TryGetProperty("x5c", out var chain) || chain.ValueKind != JsonValueKind.Array || chain.GetArrayLength() == 0 || chain[0].GetString() is not { } own) return false;
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(own));
            return certificate.NotAfter.ToUniversalTime() <= now;
        }
        catch (Exception exception) when (exception is FormatException or System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }

    private static string? Text(JsonElement key, string name) => key.ValueKind == JsonValueKind.Object && key.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
