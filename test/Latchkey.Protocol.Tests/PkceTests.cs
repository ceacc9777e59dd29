namespace Latchkey.Protocol.Tests;

public sealed class PkceTests
{
    // RFC 7636 appendix B.
    private const string Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    private const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    [Fact, Spec("RFC 7636", "4.2")]
    public void The_challenge_is_the_hash_of_the_verifier() => Assert.Equal(Challenge, Pkce.Challenge(Verifier));

    [Fact, Spec("RFC 7636", "4.6")]
    public void The_verifier_of_a_challenge_is_known() => Assert.True(Pkce.Verify(Verifier, Challenge));

    [Theory, Spec("RFC 7636", "4.6")]
    [InlineData("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", Challenge)]
    [InlineData(Challenge, Challenge)] // the method plain
    [InlineData(Verifier, "")]
    [InlineData(Verifier, Verifier)]
    [InlineData(Verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")]
    [InlineData("", Challenge)]
    public void Any_other_verifier_is_not(string verifier, string challenge) => Assert.False(Pkce.Verify(verifier, challenge));

    [Theory, Spec("RFC 7636", "4.1")]
    [InlineData(42, false)]
    [InlineData(43, true)]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void A_verifier_has_43_to_128_characters(int length, bool valid) => Assert.Equal(valid, Pkce.IsVerifier(new string('a', length)));

    [Theory, Spec("RFC 7636", "4.1")]
    [InlineData("-._~", true)]
    [InlineData("AZ09", true)]
    [InlineData("+", false)]
    [InlineData("/", false)]
    [InlineData("=", false)]
    [InlineData(" ", false)]
    [InlineData("é", false)]
    public void A_verifier_is_of_unreserved_characters(string piece, bool valid) => Assert.Equal(valid, Pkce.IsVerifier(new string('a', 43) + piece));

    [Theory, Spec("RFC 7636", "4.2")]
    [InlineData(Challenge, true)]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", false)]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMM", false)]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", false)]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=", false)]
    [InlineData("", false)]
    public void A_challenge_is_43_characters_of_base64url(string challenge, bool valid) => Assert.Equal(valid, Pkce.IsChallenge(challenge));
}
