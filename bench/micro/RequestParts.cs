using BenchmarkDotNet.Attributes;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Server.Keys;
using Latchkey.Server.Token;
using Latchkey.Storage;

namespace Latchkey.Bench.Micro;

/// <summary>What a token request is read and judged by.</summary>
[MemoryDiagnoser]
public class RequestParts
{
    private const string Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-dBjftJeZ4CVP";

    private static readonly byte[] Form =
        "grant_type=refresh_token&refresh_token=lkr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJA&client_id=bench-pub&scope=openid%20profile%20api%3Aread"u8.ToArray();

    private static readonly string Challenge = Pkce.Challenge(Verifier);
    private static readonly KeyRing Keys = new([], [(KeyPurposes.RefreshToken, new SymmetricKey("00", 0, new byte[32], 0))]);
    private static readonly RefreshToken Token = new(RowId.New("alice", 0), 1);
    private static readonly string Text = Token.Write(Keys);

    [Benchmark(Description = "read a form")]
    public Parameters ReadForm() => Parameters.Parse(Form);

    [Benchmark(Description = "check a PKCE verifier")]
    public bool Proof() => Pkce.Verify(Verifier, Challenge);

    [Benchmark(Description = "read a refresh token and check its MAC")]
    public bool ReadRefreshToken() => RefreshToken.Read(Keys, Text) is not null;

    [Benchmark(Description = "write a refresh token")]
    public string WriteRefreshToken() => Token.Write(Keys);
}

/// <summary>What an answer is made of.</summary>
[MemoryDiagnoser]
public class Signing
{
    private readonly byte[] _input = new byte[600];
    private readonly byte[] _signature = new byte[256];
    private JwsSigner _signer = null!;

    [Params("RS256", "ES256")]
    public string Algorithm { get; set; } = "";

    [GlobalSetup]
    public void Open() => _signer = JwsSigner.Open(Algorithm, "0123456789abcdef", JwsSigner.Generate(Algorithm));

    [GlobalCleanup]
    public void Close() => _signer.Dispose();

    [Benchmark(Description = "sign")]
    public void Sign() => _signer.Sign(_input, _signature);

    [Benchmark(Description = "write an access token")]
    public string AccessToken() => JwtWriter.Write(_signer, "at+jwt", "https://id.example.com", static (json, issuer) =>
    {
        json.WriteString("iss"u8, issuer);
        json.WriteString("sub"u8, "p2oXbGm0RYuV2xq9mC7h1A"u8);
        json.WriteString("aud"u8, "https://api.example.com"u8);
        json.WriteString("client_id"u8, "bench-pub"u8);
        json.WriteNumber("iat"u8, 1_800_000_000);
        json.WriteNumber("exp"u8, 1_800_000_900);
        json.WriteString("jti"u8, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw"u8);
        json.WriteString("scope"u8, "openid profile email offline_access api:read"u8);
    });
}
