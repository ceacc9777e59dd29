// The floor: Kestrel answers a token request with the work that can't be left out and nothing around it. No validation, no policy, no audit.
//   PORT  the port on loopback    DATA  the folder of the database    ALG  RS256 or ES256
// POST /token with grant_type=refresh_token also rotates one row, durably, in SQLite with group commit; POST /token/id signs a second token.
using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Bench.Floor;

var (port, data) = (Environment.GetEnvironmentVariable("PORT"), Environment.GetEnvironmentVariable("DATA")!);
var issuer = $"http://127.0.0.1:{port}";
var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls(issuer).ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
var app = builder.Build();

var tokens = new FloorTokens(Environment.GetEnvironmentVariable("ALG")!, issuer);
var rotations = new Rotations(Path.Combine(data, "floor.db"));
var secret = SHA256.HashData("bench-cc-secret-0123456789abcdef"u8);
var document = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string>
{
    ["issuer"] = issuer,
    ["token_endpoint"] = issuer + "/token",
    ["jwks_uri"] = issuer + "/jwks",
    // As long as metadata is.
    ["filler"] = new string('x', 1200),
});

app.MapGet("/.well-known/openid-configuration", context => AnswerAsync(context, document));
app.MapGet("/jwks", context => AnswerAsync(context, document));
app.MapGet("/seed", async context => await AnswerAsync(context, Encoding.ASCII.GetBytes($"{{\"refresh_token\":\"{await rotations.NewAsync()}\"}}")));
app.MapPost("/token", context => TokenAsync(context, withIdToken: false));
app.MapPost("/token/id", context => TokenAsync(context, withIdToken: true));
app.Run();

static Task AnswerAsync(HttpContext context, ReadOnlyMemory<byte> json)
{
    context.Response.ContentType = "application/json";
    context.Response.ContentLength = json.Length;
    return context.Response.Body.WriteAsync(json).AsTask();
}

async Task TokenAsync(HttpContext context, bool withIdToken)
{
    var form = await context.Request.ReadFormAsync();
    string? refreshToken = null;
    if (form["grant_type"] == "refresh_token")
    {
        refreshToken = await rotations.RotateAsync(form["refresh_token"].ToString());
        if (refreshToken is null)
        {
            context.Response.StatusCode = 400;
            return;
        }
    }
    else if (!IsRightSecret(context.Request.Headers.Authorization.ToString()))
    {
        context.Response.StatusCode = 401;
        return;
    }

    var json = new ArrayBufferWriter<byte>(2048);
    json.Write("{\"access_token\":\""u8);
    json.Write(tokens.Create("api:read"));
    json.Write("\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"api:read\""u8);
    if (withIdToken)
    {
        json.Write(",\"id_token\":\""u8);
        json.Write(tokens.Create("api:read"));
        json.Write("\""u8);
    }

    if (refreshToken is not null)
    {
        json.Write(",\"refresh_token\":\""u8);
        Encoding.ASCII.GetBytes(refreshToken, json);
        json.Write("\""u8);
    }

    json.Write("}"u8);
    context.Response.Headers.CacheControl = "no-store";
    await AnswerAsync(context, json.WrittenMemory);
}

bool IsRightSecret(string authorization)
{
    var credentials = Convert.FromBase64String(authorization["Basic ".Length..]);
    return CryptographicOperations.FixedTimeEquals(SHA256.HashData(credentials.AsSpan(credentials.IndexOf((byte)':') + 1)), secret);
}
