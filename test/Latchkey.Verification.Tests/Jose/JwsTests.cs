using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Latchkey.Verification.Jose;

namespace Latchkey.Verification.Tests.Jose;

/// <summary>Reading a JWS strictly: there is one way to write a token, and one way to read it.</summary>
public sealed class JwsTests
{
    private const string Header = """{"alg":"RS256","typ":"at+jwt"}""";

    [Theory, Spec("RFC 7519", "4"), Spec("RFC 8725", "2.4")]
    [InlineData("""{"sub":"a","sub":"b"}""")]
    [InlineData("""{"sub":"a","s\u0075b":"b"}""")]
    [InlineData("""{"sub":"a"} {}""")]
    [InlineData("""{"sub":"a"}x""")]
    [InlineData("""{"sub":"a",}""")]
    [InlineData("""{'sub':'a'}""")]
    [InlineData("""{"sub":"a" /* note */}""")]
    [InlineData("""["sub"]""")]
    [InlineData("\"sub\"")]
    [InlineData("")]
    [InlineData("""{"sub":NaN}""")]
    [InlineData("""{"sub":"\ud800"}""")]
    [InlineData("""{"sub":"\uDC00\ud800"}""")]
    [InlineData("""{"s\udfffb":"a"}""")]
    [InlineData("""{"cnf":{"jkt":["\ud8ff!"]}}""")]
    [InlineData("""{"cnf":{"j\uDFFFkt":1}}""")]
    [InlineData("""{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}}}}}}}}""")]
    public void A_payload_that_two_readers_could_read_differently_is_refused(string payload)
    {
        Assert.Equal("LK-JWT-PAYLOAD-MALFORMED", Read(Header, payload).Refusal!.Code);
        Assert.False(JsonMembers.TryRead(Encoding.UTF8.GetBytes(payload), out _));
    }

    [Fact, Spec("RFC 7519", "7.2")]
    public void Bytes_that_are_not_utf8_are_refused() =>
        Assert.False(JsonMembers.TryRead(new byte[] { (byte)'{', (byte)'"', 0xC3, 0x28, (byte)'"', (byte)':', (byte)'1', (byte)'}' }, out _));

    [Fact]
    public void More_members_than_any_token_has_are_refused() =>
        Assert.False(JsonMembers.TryRead(Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Range(0, 201).Select(i => $"\"m{i}\":1")) + "}"), out _));

    [Theory, Spec("RFC 7515", "4")]
    [InlineData("""{"typ":"at+jwt"}""", "LK-JWT-HEADER-MALFORMED")]
    [InlineData("""{"alg":7}""", "LK-JWT-HEADER-MALFORMED")]
    [InlineData("""{"alg":""}""", "LK-JWT-HEADER-MALFORMED")]
    [InlineData("""{"alg":"RS256","alg":"none"}""", "LK-JWT-HEADER-MALFORMED")]
    [InlineData("""{"alg":"RS256","kid":{}}""", "LK-JWT-HEADER-MALFORMED")]
    [InlineData("""{"alg":"RS256","kid":"\ud800"}""", "LK-JWT-HEADER-MALFORMED")]
    [InlineData("""{"alg":"RS256","crit":[]}""", "LK-JWT-CRITICAL")]
    [InlineData("""{"alg":"RS256","b64":true}""", "LK-JWT-CRITICAL")]
    [InlineData("""{"alg":"RS256","zip":"DEF"}""", "LK-JWT-CRITICAL")]
    public void A_header_that_is_not_understood_is_refused(string header, string code) => Assert.Equal(code, Read(header, "{}").Refusal!.Code);

    [Theory, Spec("RFC 7515", "2"), Spec("RFC 7515", "7.1")]
    [InlineData("{0}.{1}.AAA")]
    [InlineData("{0}.{1}.AAAA=")]
    [InlineData("{0}.{1}.AA AA")]
    [InlineData("{0}.{1}.AA\nAA")]
    [InlineData("{0}.{1}.AA+A")]
    [InlineData("{0}.{1}.A")]
    [InlineData("{0}.{1}.AB")]
    [InlineData("{0}=.{1}.AAAA")]
    [InlineData("{0}.{1}")]
    [InlineData("{0}.{1}.AAAA.")]
    [InlineData(".{0}.{1}.AAAA")]
    [InlineData("{0}")]
    [InlineData("")]
    [InlineData("..")]
    public void There_is_one_way_to_write_base64url_and_three_parts(string form)
    {
        var token = form.Replace("{0}", Encode(Header), StringComparison.Ordinal).Replace("{1}", Encode("{}"), StringComparison.Ordinal);
        // AAA encodes two bytes with zero bits to spare and is good; the others are not.
        Assert.Equal(form == "{0}.{1}.AAA", Jws.Read(token, 10_000).Succeeded(out _, out _));
    }

    [Fact, Spec("RFC 7519", "4.1.3")]
    public void Members_are_read_as_what_they_are_and_as_nothing_else()
    {
        Assert.True(JsonMembers.TryRead("""
            {"text":"a\u0062c","umlaut":"ä","list":["a","b\n"],"mixed":["a",1],"number":12,"fraction":12.9,"huge":1e400,"minus":-1.5,"yes":true,"no":null,
             "object":{"x":1},"twice":{"x":1,"x":2},"n\u0061me":"escaped"}
            """u8.ToArray(), out var members));
        Assert.Equal("abc", members.Text("text"));
        Assert.True(members.Is("text", "abc"));
        Assert.True(members.Is("umlaut", "ä"));
        Assert.False(members.Is("umlaut", "a"));
        Assert.False(members.Is("text", "ab"));
        Assert.Null(members.Text("number"));
        Assert.Equal(["a", "b\n"], members.Texts("list")!);
        Assert.Equal(["abc"], members.Texts("text")!);
        Assert.Null(members.Texts("mixed"));
        Assert.True(members.Holds("list", "b\n"));
        Assert.False(members.Holds("mixed", "a"));
        Assert.Equal(12, members.Number("number"));
        Assert.Null(members.Number("fraction"));
        Assert.Equal(12, members.Date("fraction"));
        Assert.Equal(-2, members.Date("minus"));
        Assert.Null(members.Date("huge"));
        Assert.Null(members.Date("text"));
        Assert.True(members.Flag("yes"));
        Assert.Null(members.Flag("number"));
        Assert.Equal(JsonValueKind.Null, members.Kind("no"));
        Assert.Equal(JsonValueKind.Undefined, members.Kind("nothing"));
        Assert.Equal(1, members.Object("object")!.Number("x"));
        Assert.Null(members.Object("twice"));
        Assert.Equal("escaped", members.Text("name"));
        Assert.Equal("abc", members.Element("text")!.Value.GetString());
        Assert.Contains("name", members.Names);
        Assert.DoesNotContain("abc", members.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":"\ud83d\uDE00"}""", "\ud83d\ude00")]
    [InlineData("""{"a":"\\ud800"}""", "\\ud800")]
    public void A_character_that_takes_two_escapes_is_text_like_any_other(string json, string text)
    {
        Assert.True(JsonMembers.TryRead(Encoding.UTF8.GetBytes(json), out var members));
        Assert.Equal(text, members.Text("a"));
    }

    [Fact]
    public void Whatever_is_sent_is_read_or_refused_and_never_breaks_anything() =>
        Prop.ForAll<byte[], byte[]>((header, payload) =>
        {
            var token = $"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(payload)}.AAAA";
            var isRead = Jws.Read(token, 16_000).Succeeded(out _, out var refusal);
            return isRead || refusal!.Code.StartsWith("LK-JWT-", StringComparison.Ordinal);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_read_agrees_with_the_platforms_own_reader() =>
        Prop.ForAll<NonNull<string>, int, bool>((text, number, flag) =>
        {
            // Half a surrogate pair is no text: JSON writers replace it.
            var sent = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Get));
            var json = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object> { ["t"] = sent, ["n"] = number, ["f"] = flag });
            return JsonMembers.TryRead(json, out var members) && members.Text("t") == sent && members.Is("t", sent) && members.Number("n") == number && members.Flag("f") == flag;
        }).QuickCheckThrowOnFailure();

    private static Verdict<Jws> Read(string header, string payload) => Jws.Read($"{Encode(header)}.{Encode(payload)}.AAAA", 10_000);

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
