using System.Text;
using FsCheck.Fluent;

namespace Latchkey.Protocol.Tests;

public sealed class ParametersTests
{
    [Fact]
    public void Names_and_values_are_decoded()
    {
        var parameters = Parameters.Parse("?client_id=web&scope=openid+profile%20email&state=%C3%A9%2B%26%3D");
        Assert.Null(parameters.Error);
        Assert.Equal("web", parameters["client_id"]);
        Assert.Equal("openid profile email", parameters["scope"]);
        Assert.Equal("é+&=", parameters["state"]);
        Assert.Equal(["client_id", "scope", "state"], parameters.Pairs.Select(pair => pair.Key));
    }

    [Fact]
    public void A_question_mark_is_passed_over_once() => Assert.Equal("1", Parameters.Parse("??a=1")["?a"]);

    [Theory, Spec("RFC 6749", "3.1"), Spec("RFC 6749", "3.2")]
    [InlineData("a")]
    [InlineData("a=")]
    [InlineData("&&a=&&")]
    public void A_parameter_without_a_value_counts_as_not_sent(string encoded)
    {
        var parameters = Parameters.Parse(encoded);
        Assert.Null(parameters.Error);
        Assert.Null(parameters["a"]);
        Assert.Empty(parameters.Pairs);
    }

    [Theory, Spec("RFC 6749", "3.1"), Spec("RFC 6749", "3.2")]
    [InlineData("a=1&b=2&a=1")]
    [InlineData("a=1&%61=2")]
    public void A_parameter_that_repeats_is_refused_by_name(string encoded)
    {
        var parameters = Parameters.Parse(encoded);
        Assert.Equal("a", parameters.Repeated);
        Assert.Equal("invalid_request", parameters.Error!.Code);
        Assert.Contains(" a ", parameters.Error.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void A_repetition_without_a_value_is_none() => Assert.Null(Parameters.Parse("a=1&a=").Error);

    [Fact]
    public void A_name_is_only_spoken_back_when_it_is_plain()
    {
        var error = Parameters.Parse("%3Cscript%3E=1&%3Cscript%3E=2").Error!;
        Assert.DoesNotContain("script", error.Description, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 8707", "2")]
    public void Only_resource_may_repeat()
    {
        var parameters = Parameters.Parse("resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example");
        Assert.Null(parameters.Error);
        Assert.Equal(["https://a.example", "https://b.example"], parameters.All("resource"));
        Assert.Equal("https://a.example", parameters["resource"]);
    }

    [Theory]
    [InlineData("a=%")]
    [InlineData("a=%4")]
    [InlineData("a=%zz")]
    [InlineData("%g1=a")]
    [InlineData("a=1&b=%+1")]
    public void A_broken_percent_sign_is_refused(string encoded)
    {
        var error = Parameters.Parse(encoded).Error!;
        Assert.Equal("invalid_request", error.Code);
        Assert.Contains("percent sign", error.Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a=%FF")]
    [InlineData("a=%C3")]
    [InlineData("a=%C0%AF")] // an overlong slash
    [InlineData("a=%ED%A0%80")] // a lone surrogate
    [InlineData("%FF=a")]
    public void Bytes_that_are_no_UTF8_are_refused(string encoded) =>
        Assert.Contains("UTF-8", Parameters.Parse(encoded).Error!.Description, StringComparison.Ordinal);

    [Theory]
    [InlineData("a=x%00y")]
    [InlineData("a=x%0Dy")]
    [InlineData("a=x%0Ay")]
    [InlineData("a=%7F")]
    [InlineData("a%0A=x")]
    [InlineData("claims=%00")]
    public void Control_characters_are_refused(string encoded) =>
        Assert.Contains("control character", Parameters.Parse(encoded).Error!.Description, StringComparison.Ordinal);

    [Fact]
    public void JSON_parameters_may_be_indented() => Assert.Equal("{\r\n\t}", Parameters.Parse("claims=%7B%0D%0A%09%7D")["claims"]);

    [Fact]
    public void More_parameters_than_any_request_needs_are_refused()
    {
        static string Many(int count) => string.Join('&', Enumerable.Range(0, count).Select(i => $"p{i}=1"));
        Assert.Null(Parameters.Parse(Many(Parameters.MaximumCount)).Error);
        Assert.Equal("invalid_request", Parameters.Parse(Many(Parameters.MaximumCount + 1)).Error!.Code);
    }

    [Fact]
    public void Values_are_never_in_ToString() =>
        Assert.DoesNotContain("hunter2", Parameters.Parse("client_secret=hunter2").ToString(), StringComparison.Ordinal);

    [Fact]
    public void What_is_encoded_reads_back_the_same()
    {
        var text = Generators.Text.Where(value => value.Length > 0 && !value.Any(char.IsControl));
        var pairs = text.Zip(text).ListOf().Select(list => list.DistinctBy(pair => pair.Item1).Take(Parameters.MaximumCount).ToArray());
        Generators.Check(pairs, list =>
        {
            var encoded = string.Join('&', list.Select(pair => $"{Uri.EscapeDataString(pair.Item1)}={Uri.EscapeDataString(pair.Item2)}"));
            var once = Parameters.Parse(encoded);
            var twice = Parameters.Parse(once.Encode());
            return once.Error is null && twice.Error is null
                && once.Pairs.SequenceEqual(list.Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2)))
                && twice.Pairs.SequenceEqual(once.Pairs);
        });
    }

    [Fact]
    public void No_bytes_at_all_make_it_throw() => Generators.Check(Generators.Noise, bytes =>
    {
        var parameters = Parameters.Parse(bytes);
        // Whatever was sent, the description keeps to the characters of RFC 6749 section 5.2 and no value holds a control character.
        return (parameters.Error is null || parameters.Error.Description.All(character => character is >= ' ' and <= '~' and not '"' and not '\\'))
            && parameters.Pairs.All(pair => pair.Value.Length > 0 && !pair.Value.Contains('\0', StringComparison.Ordinal));
    });

    [Fact]
    public void Text_and_bytes_are_read_alike() => Generators.Check(Generators.Text, text =>
    {
        var fromText = Parameters.Parse(text);
        var fromBytes = Parameters.Parse(Encoding.UTF8.GetBytes(text));
        return fromText.Pairs.SequenceEqual(fromBytes.Pairs) && fromText.Error == fromBytes.Error;
    });
}
