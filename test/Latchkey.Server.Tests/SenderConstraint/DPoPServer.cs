using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Latchkey.Verification.DPoP;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>A server with clients whose tokens must be bound to a key.</summary>
public class DPoPServer : ClockedServer
{
    /// <summary>Confidential, client_credentials, <c>dpop_bound_access_tokens</c>.</summary>
    public static readonly TestClient Machine = new("dpop-machine", "dpop-machine-secret-0123456789", TestClient.Basic, null);

    /// <summary>Public, code and refresh, <c>dpop_bound_access_tokens</c>.</summary>
    public static readonly TestClient App = new("dpop-app", null, TestClient.None, "https://dpop-app.example.com/callback");

    protected override JsonObject State() => DeclaredStates.Standard()
        .Add(Machine, client =>
        {
            client["grant_types"] = new JsonArray("client_credentials");
            client["dpop_bound_access_tokens"] = true;
        })
        .Add(App, client => client["dpop_bound_access_tokens"] = true);
}

/// <summary>The same where every proof needs a nonce.</summary>
public sealed class NonceServer : DPoPServer
{
    protected override ServerOptions Options(ServerOptions options) => options with { DPoPNonces = DPoPNonceMode.Required };
}

/// <summary>A key, and the proofs of it.</summary>
internal sealed class Prover(ClockedServer server) : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Thumbprint => ForgedProof.Thumbprint(_key);

    /// <summary>The private key, for proofs that are made with another.</summary>
    public ECDsa Key => _key;

    /// <summary>The nonce of its proofs, if any.</summary>
    public string? Nonce { get; set; }

    /// <summary>A proof for <c>POST /token</c>, to be spoilt.</summary>
    public ForgedProof ForToken() => For("POST", "/token");

    /// <summary>A proof for a request with an access token.</summary>
    public ForgedProof ForUserInfo(string accessToken) => For("GET", "/userinfo", accessToken);

    public ForgedProof For(string method, string path, string? accessToken = null)
    {
        var proof = new ForgedProof(_key, method, server.Issuer + path, server.Clock.GetUtcNow(), accessToken);
        return Nonce is null ? proof : proof.With("nonce", Nonce);
    }

    /// <summary>A client whose requests to the token endpoint each have a fresh proof of this key.</summary>
    public OAuthClient Client(TestClient client)
    {
        var program = server.Client(client);
        program.Proof = url => url.EndsWith("/token", StringComparison.Ordinal) ? ForToken().Sign() : null;
        return program;
    }

    public void Dispose() => _key.Dispose();
}

internal static class DPoPAssertions
{
    /// <summary>The key that an access token is bound to; null if it is bound to none.</summary>
    public static string? BoundTo(string accessToken) =>
        Jwt.Claims(accessToken).TryGetProperty("cnf", out var cnf) ? cnf.GetProperty("jkt").GetString() : null;

    /// <summary>A token answer whose token is bound to a key.</summary>
    public static Answer ExpectBound(this Answer answer, Prover prover)
    {
        answer.Expect(HttpStatusCode.OK);
        Assert.Equal("DPoP", answer["token_type"]);
        Assert.Equal(prover.Thumbprint, BoundTo(answer["access_token"]!));
        return answer;
    }
}
