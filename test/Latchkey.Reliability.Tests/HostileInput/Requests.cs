using System.Globalization;
using System.Text;

namespace Latchkey.Reliability.Tests.HostileInput;

/// <summary>Makes requests that are wrong in some way. None of them, however it is changed, is right in everything and asks to write.</summary>
internal static class Requests
{
    private static readonly string[] Paths =
    [
        "/token", "/authorize", "/device/code", "/device", "/userinfo", "/revoke", "/introspect", "/logout", "/login", "/consent", "/select-account", "/account",
        "/authorize/continue", "/.well-known/openid-configuration", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server/x", "/healthz/ready", "/",
        "/assets/latchkey.css", "/nothing",
    ];

    private static readonly string[] Names =
    [
        "grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope", "resource", "device_code", "token",
        "token_type_hint", "client_assertion", "client_assertion_type", "response_type", "response_mode", "state", "nonce", "prompt", "max_age", "claims",
        "id_token_hint", "login_hint", "ui_locales", "acr_values", "display", "code_challenge", "code_challenge_method", "request", "request_uri", "user_code",
        "post_logout_redirect_uri", "username", "password", "decision", "__RequestVerificationToken", "access_token",
    ];

    private static readonly string[] Values =
    [
        "", " ", "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "code", "code token", "query",
        "form_post", "fragment", "none", "login", "consent", "select_account", "none login", "web", "native", "nobody", "https://api.example.com", "api:read",
        "openid", "openid profile email", "S256", "plain", "-1", "0", "99999999999999999999", "1e9", "NaN", "true", "null", "{}", "{\"userinfo\":{\"name\":null}}",
        "{\"id_token\":", "[]", "%", "%2", "%zz", "%00", "%0d%0aSet-Cookie:%20x=1", "%ff%fe", "%c0%80", "%ed%a0%80", "%f4%90%80%80", "http://127.0.0.1:1/callback",
        "http://[::1", "//evil.example.com", "javascript:alert(1)", "data:text/html,x", "http://127.0.0.1:3000/callback#f", "http://127.0.0.1:3000/callback%00",
        "lkr_AAAA", "lkc_AAAA", "lkd_AAAA", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "e30.e30.e30", "a.b.c", "....", "ABCD-EFGH", "allow", "deny",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "<script>alert(1)</script>", "' OR 1=1 --", "\ud83d\udd11", "&&&", "===", ";", "+", "a+b",
    ];

    private static readonly string[] Methods = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "G3T"];

    private static readonly string[] Types =
    [
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "application/json", "multipart/form-data; boundary=x",
        "multipart/form-data", "text/plain", "", ";", "application/x-www-form-urlencoded, application/x-www-form-urlencoded",
    ];

    private static readonly string[] Authorizations =
    [
        "Basic", "Basic ", "Basic !!!!", "Basic OjpA", "Basic bWFjaGluZTo=", "Basic " + "QUJD", "Bearer", "Bearer x", "Bearer eyJhbGciOiJub25lIn0.e30.", "DPoP x", "Basic a b c",
        "bearer lkr_AAAA", "Digest username=\"x\"", "\u00e9",
    ];

    /// <summary>HTTP that is well-formed, with parameters of every kind of nonsense.</summary>
    public static byte[] Form(Random random)
    {
        var pairs = new StringBuilder();
        for (var i = random.Next(0, 9); i >= 0; i--)
        {
            if (pairs.Length > 0) pairs.Append('&');
            pairs.Append(Pick(random, Names)).Append('=');
            var value = random.Next(8) == 0 ? Garbage(random, 60) : Pick(random, Values);
            pairs.Append(random.Next(2) == 0 ? Uri.EscapeDataString(value) : value.Replace(" ", "+", StringComparison.Ordinal));
        }

        return Request(random, pairs.ToString(), random.Next(4) == 0 ? Pick(random, Types) : Types[0]);
    }

    /// <summary>A well-formed request some of whose bytes were changed, taken out, doubled or moved.</summary>
    public static byte[] Mutated(Random random)
    {
        var bytes = new List<byte>(Form(random));
        for (var i = random.Next(1, 12); i > 0 && bytes.Count > 8; i--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 20), bytes.Count - at);
            switch (random.Next(5))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.RemoveRange(at, length); break;
                case 3: bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length)); break;
                default: bytes.Insert(at, Pick<byte>(random, [0, 9, 10, 13, 32, 58, 127, 255])); break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Bytes with no meaning; half of them begin as a request would.</summary>
    public static byte[] Noise(Random random)
    {
        var noise = new byte[random.Next(1, 4000)];
        random.NextBytes(noise);
        return random.Next(2) == 0 ? noise : [.. Encoding.ASCII.GetBytes($"{Pick(random, Methods)} {Pick(random, Paths)} HTTP/1.1\r\nHost: x\r\n"), .. noise];
    }

    /// <summary>More headers, longer headers and longer request lines than anybody needs.</summary>
    public static byte[] Oversized(Random random)
    {
        var long1 = new string((char)random.Next(33, 127), random.Next(1_000, 70_000)).Replace(':', 'a');
        var text = random.Next(4) switch
        {
            0 => $"GET {Pick(random, Paths)}?state={long1} HTTP/1.1\r\nHost: x\r\n\r\n",
            1 => $"GET {Pick(random, Paths)} HTTP/1.1\r\nHost: x\r\nCookie: latchkey={long1}\r\n\r\n",
            2 => $"POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {Convert.ToBase64String(Encoding.Latin1.GetBytes(long1))}\r\nContent-Length: 0\r\n\r\n",
            _ => $"GET / HTTP/1.1\r\nHost: x\r\n{string.Concat(Enumerable.Range(0, random.Next(50, 400)).Select(i => $"X-{i.ToString(CultureInfo.InvariantCulture)}: y\r\n"))}\r\n",
        };
        return Encoding.Latin1.GetBytes(text);
    }

    /// <summary>Chunked bodies: right ones, broken ones, too large ones, and both kinds of length at once.</summary>
    public static byte[] Chunked(Random random)
    {
        var body = new StringBuilder();
        for (var i = random.Next(0, 40); i > 0; i--)
        {
            var chunk = "&a" + i.ToString(CultureInfo.InvariantCulture) + "=" + new string('x', random.Next(0, random.Next(10) == 0 ? 40_000 : 200));
            var size = random.Next(12) == 0 ? Pick(random, ["-1", "FFFFFFFFFFFFFFFF", "zz", "", "0x10", "7fffffff"]) : chunk.Length.ToString("x", CultureInfo.InvariantCulture);
            body.Append(size).Append(random.Next(5) == 0 ? ";ext=1" : "").Append("\r\n").Append(chunk).Append(random.Next(15) == 0 ? "" : "\r\n");
        }

        if (random.Next(4) != 0) body.Append("0\r\n").Append(random.Next(3) == 0 ? "Trailer: x\r\n" : "").Append("\r\n");
        var extra = random.Next(5) == 0 ? "Content-Length: 5\r\n" : random.Next(9) == 0 ? "Transfer-Encoding: gzip\r\n" : "";
        return Encoding.Latin1.GetBytes($"POST {Pick(random, Paths)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{extra}Content-Type: {Types[0]}\r\n\r\n{body}");
    }

    /// <summary>Several requests in one breath, some of them broken.</summary>
    public static byte[] Pipelined(Random random)
    {
        var all = new List<byte>();
        for (var i = random.Next(2, 12); i > 0; i--) all.AddRange(random.Next(6) == 0 ? Mutated(random) : Form(random));
        return [.. all];
    }

    private static byte[] Request(Random random, string pairs, string type)
    {
        var path = Pick(random, Paths);
        var method = random.Next(8) == 0 ? Pick(random, Methods) : random.Next(2) == 0 ? "GET" : "POST";
        var query = method == "GET" || random.Next(10) == 0 ? "?" + pairs.Replace(" ", "%20", StringComparison.Ordinal) : "";
        var body = method == "GET" ? "" : pairs;
        var head = new StringBuilder($"{method} {path}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        if (random.Next(4) == 0) head.Append("Authorization: ").Append(Pick(random, Authorizations)).Append("\r\n");
        if (random.Next(4) == 0) head.Append("Cookie: ").Append(Pick(random, ["latchkey=AAAA", "latchkey=%00", "=", ";;;", "latchkey=" + Garbage(random, 64), "a=b; latchkey="])).Append("\r\n");
        if (random.Next(6) == 0) head.Append("Origin: ").Append(Pick(random, ["null", "https://evil.example.com", "x", ""])).Append("\r\n");
        if (random.Next(8) == 0) head.Append("Accept: ").Append(Pick(random, ["application/json", "*/*;q=x", ",,,"])).Append("\r\n");
        if (random.Next(12) == 0) head.Append("Expect: 100-continue\r\n");
        if (body.Length > 0 || method == "POST") head.Append(CultureInfo.InvariantCulture, $"Content-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n");
        return [.. Encoding.UTF8.GetBytes(head + "\r\n" + body)];
    }

    private static string Garbage(Random random, int length)
    {
        var text = new char[random.Next(length)];
        for (var i = 0; i < text.Length; i++) text[i] = (char)random.Next(1, random.Next(3) == 0 ? 0xD7FF : 0x7F);
        return new string(text).Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
    }

    private static T Pick<T>(Random random, ReadOnlySpan<T> from) => from[random.Next(from.Length)];
}
