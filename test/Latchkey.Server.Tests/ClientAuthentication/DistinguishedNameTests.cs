using System.Security.Cryptography.X509Certificates;
using Latchkey.Server.ClientAuthentication;

namespace Latchkey.Server.Tests.ClientAuthentication;

/// <summary>Names as RFC 4514 writes them.</summary>
[Spec("RFC 4514", "2"), Spec("RFC 4514", "3"), Spec("RFC 8705", "2.1.2")]
public sealed class DistinguishedNameTests
{
    [Theory]
    [InlineData("CN=app,O=Example,C=DE", "CN=app, O=Example, C=DE")]
    [InlineData("cn=APP,o=example,c=de", "CN=app, O=Example, C=DE")]
    [InlineData("2.5.4.3=app,2.5.4.10=Example", "CN=app, O=Example")]
    [InlineData("CN=a  b", "CN=a b")]
    [InlineData("CN=app,O=Example\\, Ltd.", "CN=app, O=\"Example, Ltd.\"")]
    [InlineData("CN=app,O=Example\\2C Ltd.", "CN=app, O=\"Example, Ltd.\"")]
    [InlineData("CN=\"a,b\",O=x", "CN=\"a,b\", O=x")]
    [InlineData("CN=L\\C3\\B6we", "CN=Löwe")]
    public void One_name_in_two_spellings(string text, string subject) =>
        Assert.True(DistinguishedName.Parse(text) == DistinguishedName.Of(new X500DistinguishedName(subject)), text);

    [Theory]
    [InlineData("CN=app,O=Example", "CN=app, O=Example, C=DE")]
    [InlineData("CN=app,C=DE,O=Example", "CN=app, O=Example, C=DE")]
    [InlineData("O=app", "CN=app")]
    [InlineData("CN=app2", "CN=app")]
    [InlineData("CN=app\\,O=Example", "CN=app, O=Example")]
    public void Two_names(string text, string subject) =>
        Assert.False(DistinguishedName.Parse(text) == DistinguishedName.Of(new X500DistinguishedName(subject)), text);

    [Theory, InlineData(""), InlineData("app"), InlineData("=app"), InlineData("nonsense=app"), InlineData("CN=app,"), InlineData("CN=\"app"), InlineData("CN=\"a\"b"), InlineData("CN=app\\")]
    public void No_name(string text) => Assert.Null(DistinguishedName.Parse(text));
}
