using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Token;

/// <summary>Access tokens that look like the server's and are not.</summary>
internal static class ForeignTokens
{
    private static readonly TestKey Stranger = new("stranger");

    /// <summary>The names of the forgeries, for theories.</summary>
    public static TheoryData<string> Names =>
    [
        "alg none", "alg None in capitals", "alg HS256 with the public key", "another key", "another key under our kid", "another key in the header", "another key by jku", "another issuer", "another type", "no type",
        "typ of a logout token", "payload changed", "signature cut", "no signature", "JWE of five parts", "garbage", "empty parts", "a word", "quotes", "9000 characters",
    ];

    /// <summary>Forges a token from a good one.</summary>
    /// <param name="name">Which forgery.</param>
    /// <param name="good">A token that the server made.</param>
    /// <param name="jwks">The server's public keys.</param>
    public static string Make(string name, string good, JsonNode jwks)
    {
        var parts = good.Split('.');
        var header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!.AsObject();
        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!.AsObject();
        switch (name)
        {
            case "alg none" or "alg None in capitals":
                header["alg"] = name == "alg none" ? "none" : "NONE";
                return $"{Encode(header)}.{parts[1]}.";
            case "alg HS256 with the public key":
                var key = jwks["keys"]!.AsArray().First(entry => (string)entry!["kid"]! == (string)header["kid"]!)!;
                header["alg"] = "HS256";
                var input = $"{Encode(header)}.{parts[1]}";
                return $"{input}.{Base64Url.EncodeToString(HMACSHA256.HashData(Base64Url.DecodeFromChars((string)key["n"]!), Encoding.ASCII.GetBytes(input)))}";
            case "another key":
                header.Remove("alg");
                header.Remove("kid");
                return Stranger.Sign(header, claims);
            case "another key under our kid":
                header["alg"] = "ES256";
                return Stranger.Sign(header, claims);
            case "another key in the header" or "another key by jku":
                header.Remove("alg");
                header.Remove("kid");
                if (name == "another key by jku") header["jku"] = "https://stranger.example.com/keys";
                else header["jwk"] = Stranger.PublicJwk();
                return Stranger.Sign(header, claims);
            case "another issuer":
                claims["iss"] = "https://other.example.com";
                return Stranger.Sign(new JsonObject { ["typ"] = "at+jwt" }, claims);
            case "another type" or "no type" or "typ of a logout token":
                if (name == "no type") header.Remove("typ");
                else header["typ"] = name == "another type" ? "JWT" : "logout+jwt";
                return $"{Encode(header)}.{parts[1]}.{parts[2]}";
            case "payload changed":
                claims["sub"] = "somebody-else";
                return $"{parts[0]}.{Encode(claims)}.{parts[2]}";
            case "signature cut": return good[..^20];
            case "no signature": return $"{parts[0]}.{parts[1]}.";
            case "JWE of five parts": return $"{good}.{parts[1]}.{parts[2]}";
            case "empty parts": return "ey..";
            case "a word": return "secret";
            case "quotes": return "ey\"\\<script>";
            case "9000 characters": return "ey" + new string('x', 9000);
            default: return "eyJhbGciOiJSUzI1NiJ9.garbage.garbage";
        }
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
