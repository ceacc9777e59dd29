using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>Bad input at every endpoint that programs use: the spec's error, never a 500, nothing written.</summary>
public sealed class BadInputTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    private const string Form = "application/x-www-form-urlencoded";
    private const int Limit = 64 * 1024;

    private static readonly string[] Paths = ["/token", "/introspect", "/revoke", "/device/code", "/userinfo", "/par", "/backchannel-authentication"];

    private static readonly (string Name, Func<string, HttpContent> Make, string Says)[] Cases =
    [
        ("a parameter twice", good => Text(good + "&foo=1&foo=2"), "foo was sent more than once"),
        ("a parameter with a strange name twice", good => Text(good + "&%3Cscript%3E=1&%3Cscript%3E=2"), "A parameter was sent more than once"),
        ("JSON", _ => Text("""{"grant_type":"client_credentials"}""", "application/json"), Form),
        ("plain text", good => Text(good, "text/plain"), Form),
        ("a multipart form", _ => new MultipartFormDataContent { { new StringContent("client_credentials"), "grant_type" } }, Form),
        ("a content type that only begins like a form's", good => Text(good, Form + "-x"), Form),
        ("64 KiB and one", good => Text(good + "&x=" + new string('x', Limit + 1 - good.Length - 3)), "64 KiB"),
        ("64 KiB and one in chunks", good => new Chunked(good + "&x=" + new string('x', Limit + 1 - good.Length - 3)), "64 KiB"),
        ("invalid UTF-8", good => Text(good + "&x=%ff%fe"), "UTF-8"),
        ("invalid UTF-8 in a name", good => Text(good + "&%c3%28=1"), "UTF-8"),
        ("an overlong encoding", good => Text(good + "&x=%c0%af"), "UTF-8"),
        ("raw bytes", good => Bytes([.. Encoding.ASCII.GetBytes(good + "&x="), 0xff, 0x80]), "UTF-8"),
        ("half a surrogate pair", good => Text(good + "&x=%ed%a0%80"), "UTF-8"),
        ("NUL", good => Text(good + "&x=a%00b"), "control character"),
        ("raw NUL", good => Bytes([.. Encoding.ASCII.GetBytes(good + "&x="), 0]), "control character"),
        ("CR", good => Text(good + "&x=a%0db"), "control character"),
        ("LF", good => Text(good + "&x=a%0ab"), "control character"),
        ("LF in a name", good => Text(good + "&a%0ab=x"), "control character"),
        ("DEL", good => Text(good + "&x=%7f"), "control character"),
        ("a percent sign alone", good => Text(good + "&x=100%"), "percent sign"),
        ("a percent sign with no digits", good => Text(good + "&x=%zz"), "percent sign"),
        ("two hundred parameters", good => Text(good + string.Concat(Enumerable.Range(0, 200).Select(number => $"&p{number}=x"))), "too many parameters"),
    ];

    public static TheoryData<string, string> Matrix
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var path in Paths)
            {
                foreach (var (name, _, _) in Cases) data.Add(path, name);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Matrix)), Spec("RFC 6749", "3.2"), Spec("RFC 6749", "5.2"), Spec("OAuth 2.1", "3.2"), Spec("RFC 7009", "2.2.1"), Spec("RFC 7662", "2.3"), Check("A29"), Check("A30")]
    public async Task It_is_refused_in_the_specs_words_and_nothing_is_written(string path, string name)
    {
        var (_, make, says) = Cases.Single(one => one.Name == name);
        using var client = server.Client(DeclaredStates.Machine);
        var before = await server.FingerprintAsync();
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + path) { Content = make("grant_type=client_credentials&token=x&scope=api%3Aread") };
        // The header of one who may ask, so that nothing but the body is wrong; userinfo reads a body only where there is no header.
        if (path != "/userinfo") request.Headers.Authorization = OAuthClient.BasicHeader(DeclaredStates.Machine.Id, DeclaredStates.Machine.Secret!);
        var answer = await client.SendAsync(request);
        answer.ExpectError("invalid_request", says == "64 KiB" ? HttpStatusCode.RequestEntityTooLarge : HttpStatusCode.BadRequest);
        Assert.Contains(says, answer.ErrorDescription, StringComparison.Ordinal);
        Token.TokenEndpointTests.AssertErrorForm(answer);
        if (path == "/userinfo") Assert.StartsWith("Bearer realm=\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Theory, InlineData("/token"), InlineData("/introspect"), InlineData("/revoke"), InlineData("/device/code")]
    public async Task No_content_type_and_no_body_is_refused(string path)
    {
        using var client = server.Client(DeclaredStates.Machine);
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + path);
        request.Headers.Authorization = OAuthClient.BasicHeader(DeclaredStates.Machine.Id, DeclaredStates.Machine.Secret!);
        Assert.Contains(Form, (await client.SendAsync(request)).ExpectError("invalid_request").ErrorDescription, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_goes_on_sending_is_cut_off_and_the_server_goes_on()
    {
        using var client = server.Client(DeclaredStates.Machine);
        foreach (var path in Paths)
        {
            try
            {
                var content = new Chunked("grant_type=client_credentials&x=" + new string('x', 8 << 20));
                Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await client.SendAsync(new HttpRequestMessage(HttpMethod.Post, server.Issuer + path) { Content = content })).Status);
            }
            catch (HttpRequestException)
            {
                // The connection was closed while the rest was still being sent.
            }

            (await client.ClientCredentialsAsync(null)).Expect(HttpStatusCode.OK);
        }
    }

    [Fact, Spec("RFC 6749", "3.2")]
    public async Task What_is_at_the_limit_is_taken()
    {
        using var client = server.Client(DeclaredStates.Machine);
        const string good = "grant_type=client_credentials";
        foreach (var content in (HttpContent[])[
            Text(good + "&x=" + new string('x', Limit - good.Length - 3)), new Chunked(good + "&x=" + new string('x', Limit - good.Length - 3)),
            Text(good, Form + "; charset=UTF-8"), Text(good, "Application/X-WWW-Form-URLencoded"), Text("&&" + good + "&&=&"), Text(good + "&claims=%0a&x=%f0%9f%94%91")])
        {
            var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/token") { Content = content };
            request.Headers.Authorization = OAuthClient.BasicHeader(DeclaredStates.Machine.Id, DeclaredStates.Machine.Secret!);
            (await client.SendAsync(request)).Expect(HttpStatusCode.OK);
        }
    }

    private static ByteArrayContent Text(string text, string type = Form) => Bytes(Encoding.UTF8.GetBytes(text), type);

    private static ByteArrayContent Bytes(byte[] bytes, string type = Form)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return content;
    }

    /// <summary>A body whose length nobody says beforehand.</summary>
    private sealed class Chunked : HttpContent
    {
        private readonly byte[] _bytes;

        public Chunked(string text)
        {
            _bytes = Encoding.ASCII.GetBytes(text);
            Headers.ContentType = new MediaTypeHeaderValue(Form);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var at = 0; at < _bytes.Length; at += 5000)
            {
                await stream.WriteAsync(_bytes.AsMemory(at, Math.Min(5000, _bytes.Length - at)));
                await stream.FlushAsync();
            }
        }
    }
}
