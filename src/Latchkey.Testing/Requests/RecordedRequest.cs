using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing.Requests;

/// <summary>A request that reached the authority, and how it was answered. Secrets are shown as a fingerprint, so that two can be compared and none be read.</summary>
public sealed class RecordedRequest
{
    private static readonly HashSet<string> Secrets = new(StringComparer.Ordinal)
    {
        "client_secret", "password", "current_password", "new_password", "code", "code_verifier", "refresh_token", "access_token", "token", "device_code", "user_code",
        "client_assertion", "assertion", "subject_token", "actor_token", "id_token_hint", "logout_token", "request", "__token",
    };

    private readonly Dictionary<string, string> _fingerprints = new(StringComparer.Ordinal);

    internal RecordedRequest(
        DateTimeOffset at, string method, string path, IEnumerable<KeyValuePair<string, string>> query, IEnumerable<KeyValuePair<string, string>> form,
        IEnumerable<KeyValuePair<string, string>> headers)
    {
        (At, Method, Path) = (at, method, path);
        Query = Keep(query);
        var body = form.ToList();
        Form = Keep(body);
        var all = headers.ToList();
        (ClientId, ClientAuthentication) = Authentication(body, all);
        ClientId ??= Query.GetValueOrDefault("client_id");
        Assertion = Claims(body.Find(field => field.Key == "client_assertion").Value);
        Headers = all.GroupBy(header => header.Key, StringComparer.OrdinalIgnoreCase)
            .ToDictionary(group => group.Key, group => Shown(group.Key, string.Join(", ", group.Select(header => header.Value))), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>When it came, by the authority's clock.</summary>
    public DateTimeOffset At { get; }

    /// <summary>The HTTP method.</summary>
    public string Method { get; }

    /// <summary>The path below the issuer, such as <c>/token</c>.</summary>
    public string Path { get; }

    /// <summary>The parameters of the URL; of one that was sent twice the first.</summary>
    public IReadOnlyDictionary<string, string> Query { get; }

    /// <summary>The parameters of the body; of one that was sent twice the first.</summary>
    public IReadOnlyDictionary<string, string> Form { get; }

    /// <summary>The headers; what authenticates is shown as a fingerprint.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; }

    /// <summary>The client that sent it, if it says.</summary>
    public string? ClientId { get; }

    /// <summary>How the client authenticated: <c>client_secret_basic</c>, <c>client_secret_post</c>, <c>private_key_jwt</c> or <c>none</c>.</summary>
    public string ClientAuthentication { get; }

    /// <summary>The claims of the client's assertion (RFC 7523); null if it sent none.</summary>
    public JsonElement? Assertion { get; }

    /// <summary>The status of the answer; 0 while there is none, or where the connection was cut.</summary>
    public int Status { get; internal set; }

    /// <summary>The <c>error</c> of the answer; null if it has none.</summary>
    public string? Error { get; internal set; }

    /// <summary>The fault that answered or spoiled it; null if the server answered as it should.</summary>
    public string? Fault { get; internal set; }

    /// <summary>A parameter of the body or the URL; null if it was not sent.</summary>
    /// <param name="name">Its name.</param>
    public string? this[string name] => Form.GetValueOrDefault(name) ?? Query.GetValueOrDefault(name);

    /// <summary>Whether a parameter was sent with this value, for secrets too.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">The value.</param>
    public bool Sent(string name, string value) => _fingerprints.GetValueOrDefault(name) == Fingerprint(value);

    /// <summary>What it was and how it was answered.</summary>
    public override string ToString() =>
        $"{Method} {Path}{Parameters('?', Query)}{Parameters(' ', Form)} -> {(Status == 0 ? "no answer" : Status)}{(Error is null ? "" : $" {Error}")}{(Fault is null ? "" : $" ({Fault})")}";

    private static string Parameters(char lead, IReadOnlyDictionary<string, string> parameters) =>
        parameters.Count == 0 ? "" : lead + string.Join('&', parameters.Select(pair => $"{pair.Key}={pair.Value}"));

    private static string Fingerprint(string value) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)).AsSpan(0, 16));

    private static string Redacted(string value) => $"[{Fingerprint(value)[..8]}]";

    private static string Shown(string header, string value) =>
        header.Equals("Cookie", StringComparison.OrdinalIgnoreCase) ? Redacted(value)
        : !header.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ? value
        : value.IndexOf(' ', StringComparison.Ordinal) is var space and > 0 ? $"{value[..space]} {Redacted(value[(space + 1)..])}"
        : Redacted(value);

    private static (string? ClientId, string Method) Authentication(List<KeyValuePair<string, string>> form, List<KeyValuePair<string, string>> headers)
    {
        string? Field(string name) => form.Find(field => field.Key == name).Value;
        if (headers.Find(header => header.Key.Equals("Authorization", StringComparison.OrdinalIgnoreCase)).Value is { } header
            && header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            var bytes = new byte[header.Length];
            var id = Convert.TryFromBase64String(header[6..].Trim(), bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length).Split(':')[0] : null;
            return (id is null ? Field("client_id") : Uri.UnescapeDataString(id.Replace('+', ' ')), ClientAuthenticationMethods.ClientSecretBasic);
        }

        if (Field("client_assertion") is { } assertion)
            return (Field("client_id") ?? (Claims(assertion)?.TryGetProperty("sub", out var sub) == true ? sub.GetString() : null), ClientAuthenticationMethods.PrivateKeyJwt);
        return (Field("client_id"), Field("client_secret") is null ? ClientAuthenticationMethods.None : ClientAuthenticationMethods.ClientSecretPost);
    }

    private static JsonElement? Claims(string? jwt)
    {
        if (jwt?.Split('.') is not { Length: 3 } parts || !Base64Url.IsValid(parts[1])) return null;
        try
        {
            return JsonElement.Parse(Base64Url.DecodeFromChars(parts[1])) is { ValueKind: JsonValueKind.Object } claims ? claims : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private Dictionary<string, string> Keep(IEnumerable<KeyValuePair<string, string>> parameters)
    {
        var kept = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in parameters)
        {
            if (!kept.TryAdd(name, Secrets.Contains(name) ? Redacted(value) : value)) continue;
            _fingerprints[name] = Fingerprint(value);
        }

        return kept;
    }
}
