using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing.Wiring;

/// <summary>
/// The clients that an app made with Latchkey's own packages has, declared at the authority as the app knows them, so that nobody has to write id, secret
/// and callback down a second time. The kit does not depend on those packages: their options are known by name.
/// </summary>
internal sealed class LatchkeyClients(TestAuthority authority, AuthorityWiring wiring)
{
    // The server refuses shorter ones.
    private const int ShortestSecret = 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (ClientMetadata Metadata, string? Secret)> _clients = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Callback, string SignedOut)> _signIns = new(StringComparer.Ordinal);

    /// <summary>Learns of a client, or of the paths by which people sign in with it, whichever the app asks for first.</summary>
    /// <param name="name">The client's or scheme's name in the app.</param>
    /// <param name="options">Its options, as the app has set them.</param>
    public void Learn(string name, object options)
    {
        string client;
        lock (_lock)
        {
            switch (options.GetType().FullName)
            {
                case "Latchkey.Client.LatchkeyClientOptions" when OtherLibraries.Get(options, "ClientId") is string { Length: > 0 } id && Read(id, options) is { } read:
                    _clients[client = name] = read;
                    break;
                case "Latchkey.Client.AspNetCore.LatchkeySignInOptions":
                    client = OtherLibraries.Get(options, "Client") is string { Length: > 0 } other ? other : name;
                    _signIns[client] = (OtherLibraries.Get(options, "CallbackPath")?.ToString() ?? "", (string?)OtherLibraries.Get(options, "SignedOutUrl") ?? "");
                    break;
                default:
                    return;
            }

            if (_clients.TryGetValue(client, out var declared)) Declare(declared.Metadata, declared.Secret, _signIns.TryGetValue(client, out var paths) ? paths : ("/callback", "/"));
        }
    }

    private void Declare(ClientMetadata client, string? secret, (string Callback, string SignedOut) paths) =>
        authority.AdmitAsync(
            client with
            {
                RedirectUris = [.. client.RedirectUris.Union(At(paths.Callback), StringComparer.Ordinal)],
                PostLogoutRedirectUris = [.. client.PostLogoutRedirectUris.Union(At(paths.SignedOut), StringComparer.Ordinal)],
            },
            secret).GetAwaiter().GetResult();

    private IEnumerable<string> At(string path) => wiring.Origins.Select(origin => origin + path);

    // Null for one that can't be declared from what the app has: a certificate is shown in a handshake, of which there is none in memory.
    private static (ClientMetadata Metadata, string? Secret)? Read(string id, object options)
    {
        if (OtherLibraries.Get(options, "Credential") is not { } credential) return null;
        var method = (string?)OtherLibraries.Get(credential, "Method");
        if (method is not (ClientAuthenticationMethods.None or ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost
            or ClientAuthenticationMethods.PrivateKeyJwt)) return null;
        var isPublic = method == ClientAuthenticationMethods.None;
        var redirect = (string?)OtherLibraries.Get(options, "RedirectUri");
        var client = new ClientMetadata
        {
            ClientId = id,
            TokenEndpointAuthMethod = method,
            RedirectUris = redirect is null ? [] : [redirect],
            PostLogoutRedirectUris = (string?)OtherLibraries.Get(options, "PostLogoutRedirectUri") is { } after ? [after] : [],
            GrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, isPublic ? GrantTypes.DeviceCode : GrantTypes.ClientCredentials],
            Scope = string.Join(' ', $"{Ready.AllScopes} {OtherLibraries.Get(options, "Scope")}".Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal)),
            SkipConsent = true,
        };
        if (redirect is not null && Uri.TryCreate(redirect, UriKind.Absolute, out var uri) && uri.Scheme is not ("http" or "https")) client = client with { ApplicationType = "native" };
        if ((Internal(credential, "SigningKey") ?? OtherLibraries.Get(options, "RequestObjectKey")) is JwsSigner key)
            client = client with { Jwks = JsonElement.Parse($$"""{"keys":[{{Encoding.UTF8.GetString(key.PublicKey.Span)}}]}""") };
        return (client, Internal(credential, "SharedSecret") is string secret ? LongEnough(options, credential, secret) : null);
    }

    // Nobody but the two of them sees it. Made of the app's own, so that two apps of one client have the same.
    private static string LongEnough(object options, object credential, string secret)
    {
        if (secret.Length >= ShortestSecret) return secret;
        var longer = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
        var make = (string?)OtherLibraries.Get(credential, "Method") == ClientAuthenticationMethods.ClientSecretPost ? "SecretInBody" : "Secret";
        OtherLibraries.Set(options, "Credential", credential.GetType().BaseType!.GetMethod(make, [typeof(string)])!.Invoke(null, [longer])!);
        return longer;
    }

    private static object? Internal(object target, string property) =>
        target.GetType().GetProperty(property, BindingFlags.NonPublic | BindingFlags.Instance)?.GetValue(target);
}
