using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Latchkey.Interop.Tests;

/// <summary>Encrypted introspection answers (RFC 9701), which npm jose decrypts and verifies.</summary>
public sealed class EncryptedIntrospectionTests(InteropServer server)
{
    [Fact, Spec("RFC 9701", "5"), Spec("RFC 9701", "6"), Spec("RFC 7518", "4")]
    public async Task Jose_decrypts_and_verifies_what_an_API_is_told()
    {
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        foreach (var (api, key, encryption, algorithm) in ((TestClient, string, string, string)[])[
            (InteropServer.SealedRsa, SealedKeys.RsaPem, "A128CBC-HS256", "RS256"), (InteropServer.SealedEc, SealedKeys.EcPem, "A256GCM", "ES256")])
        {
            await using var jose = NodeProgram.Start("jose-introspection.mjs", new Dictionary<string, string>
            {
                ["ISSUER"] = server.Issuer, ["CLIENT_ID"] = api.Id, ["CLIENT_SECRET"] = api.Secret!, ["TOKEN"] = token, ["KEY"] = key,
            });
            var done = await jose.FinishAsync();
            Assert.Equal((encryption, algorithm), (done.GetProperty("enc").GetString(), done.GetProperty("alg").GetString()));
            var told = done.GetProperty("claims").GetProperty("token_introspection");
            Assert.True(told.GetProperty("active").GetBoolean());
            Assert.Equal((DeclaredStates.Machine.Id, "api:read"), (told.GetProperty("client_id").GetString(), told.GetProperty("scope").GetString()));
        }
    }
}

/// <summary>The keys of <see cref="InteropServer.SealedRsa"/> and <see cref="InteropServer.SealedEc"/>.</summary>
internal static class SealedKeys
{
    private static readonly RSA Rsa = RSA.Create(2048);
    private static readonly ECDiffieHellman Ec = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>PKCS #8, for programs in other languages.</summary>
    public static string RsaPem => Rsa.ExportPkcs8PrivateKeyPem();

    public static string EcPem => Ec.ExportPkcs8PrivateKeyPem();

    public static JsonNode RsaPublic
    {
        get
        {
            var key = Rsa.ExportParameters(includePrivateParameters: false);
            return new JsonObject
            {
                ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(key.Modulus), ["e"] = Base64Url.EncodeToString(key.Exponent), ["use"] = "enc", ["kid"] = "sealed-rsa",
            };
        }
    }

    public static JsonNode EcPublic
    {
        get
        {
            var point = Ec.ExportParameters(includePrivateParameters: false).Q;
            return new JsonObject
            {
                ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y), ["use"] = "enc", ["kid"] = "sealed-ec",
            };
        }
    }
}
