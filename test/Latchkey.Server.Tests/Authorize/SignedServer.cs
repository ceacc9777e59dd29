using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Verification.Jose;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>A server with clients that sign their requests, and that want what they get signed and encrypted.</summary>
public sealed class SignedServer : ClockedServer
{
    /// <summary>Must sign.</summary>
    public static readonly TestClient Strict = new("strict", "strict-secret-0123456789", TestClient.Basic, "https://strict.example.com/callback") { Key = TestKey.Shared };

    /// <summary>Wants everything encrypted by agreement, and signed by ES384.</summary>
    public static readonly TestClient Agreed = new("agreed", "agreed-secret-0123456789", TestClient.Basic, "https://agreed.example.com/callback") { Key = TestKey.Shared };

    /// <summary>Wants everything encrypted to an RSA key, and its userinfo encrypted only.</summary>
    public static readonly TestClient Wrapped = new("wrapped", "wrapped-secret-0123456789", TestClient.Basic, "https://wrapped.example.com/callback");

    /// <summary>Encryption is asked for, but its keys can't be had.</summary>
    public static readonly TestClient Keyless = new("keyless", "keyless-secret-0123456789", TestClient.Basic, "https://keyless.example.com/callback");

    /// <summary>Two clients of one sector, and one of another.</summary>
    public static readonly TestClient PairA = new("pair-a", "pair-a-secret-0123456789", TestClient.Basic, "https://pair.example.com/a");

    public static readonly TestClient PairB = new("pair-b", "pair-b-secret-0123456789", TestClient.Basic, "https://pair.example.com/b");

    public static readonly TestClient Apart = new("apart", "apart-secret-0123456789", TestClient.Basic, "https://apart.example.com/callback");

    /// <summary>The keys that <see cref="Agreed"/> and <see cref="Wrapped"/> decrypt with.</summary>
    public static readonly JweDecrypter Agreement = JweDecrypter.Open("ECDH-ES", "agree", JweDecrypter.Generate("ECDH-ES"));

    public static readonly JweDecrypter Wrapping = JweDecrypter.Open("RSA-OAEP-256", "wrap", JweDecrypter.Generate("RSA-OAEP-256"));

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state.Add(Strict, client =>
        {
            client["jwks"] = Keys(TestKey.Shared.PublicJwk());
            client["require_signed_request_object"] = true;
            client["request_object_encryption_alg"] = "ECDH-ES";
        });
        state.Add(Agreed, client =>
        {
            client["jwks"] = Keys(TestKey.Shared.PublicJwk(), Jwk(Agreement));
            client["request_object_encryption_alg"] = "RSA-OAEP-256";
            client["request_object_encryption_enc"] = "A256GCM";
            client["id_token_signed_response_alg"] = "ES384";
            foreach (var what in new[] { "id_token", "userinfo", "authorization" })
            {
                client[$"{what}_encrypted_response_alg"] = "ECDH-ES";
                client[$"{what}_encrypted_response_enc"] = "A256GCM";
            }

            client["userinfo_signed_response_alg"] = "ES384";
            client["authorization_signed_response_alg"] = "ES384";
        });
        state.Add(Wrapped, client =>
        {
            client["jwks"] = Keys(Jwk(Wrapping));
            foreach (var what in new[] { "id_token", "userinfo", "authorization" }) client[$"{what}_encrypted_response_alg"] = "RSA-OAEP-256";
        });
        state.Add(Keyless, client =>
        {
            client["jwks"] = Keys(TestKey.Shared.PublicJwk());
            client["id_token_encrypted_response_alg"] = "RSA-OAEP-256";
            client["authorization_encrypted_response_alg"] = "RSA-OAEP-256";
        });
        foreach (var client in new[] { PairA, PairB, Apart }) state.Add(client, declared => declared["subject_type"] = "pairwise");
        return state;
    }

    /// <summary>A request object of a client, with what must be there and changes.</summary>
    public string Object(OAuthClient client, AuthorizationRequest request, Action<JsonObject>? change = null, Action<JsonObject>? changeHeader = null)
    {
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = client.Client.Id, ["aud"] = Issuer, ["nbf"] = now, ["exp"] = now + 300 };
        foreach (var (name, value) in request.Parameters) claims[name] = value;
        change?.Invoke(claims);
        var header = new JsonObject { ["typ"] = "oauth-authz-req+jwt" };
        changeHeader?.Invoke(header);
        return client.Client.Key!.Sign(header, claims);
    }

    /// <summary>Decrypts what a client got.</summary>
    public static string Decrypt(JweDecrypter key, string token) => Encoding.UTF8.GetString(key.Decrypt(Jwe.Read(token, 65536).Value) ?? throw new InvalidOperationException("It can't be decrypted."));

    /// <summary>Writes a JWS of a header of any kind, unsigned.</summary>
    public static string Unsigned(JsonObject header, JsonObject claims) =>
        $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}.";

    private static JsonObject Keys(params JsonNode[] keys) => new() { ["keys"] = new JsonArray(keys) };

    private static JsonNode Jwk(JweDecrypter key) => JsonNode.Parse(key.PublicKey.Span)!;
}
