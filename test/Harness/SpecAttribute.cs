using Xunit.v3;

namespace Latchkey.Tests.Harness;

/// <summary>
/// Names the requirement that a test holds, so that coverage can be listed: <c>[Spec("RFC 6749", "4.1.3")]</c> becomes the trait
/// <c>Spec=RFC 6749 4.1.3</c>.
/// </summary>
/// <param name="document">The document, such as <c>RFC 7636</c>, <c>OAuth 2.1</c> or <c>OIDC Core</c>.</param>
/// <param name="section">The section's number, without a sign; empty for the whole document.</param>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class SpecAttribute(string document, string section = "") : Attribute, ITraitAttribute
{
    public string Document => document;

    public string Section => section;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("Spec", $"{document} {section}".TrimEnd())];
}

/// <summary>
/// Names the check of a list that a test is: <c>[Check("A17")]</c>, or the name of an OpenID conformance module. Becomes the trait <c>Check=A17</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class CheckAttribute(string name) : Attribute, ITraitAttribute
{
    public string Name => name;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("Check", name)];
}

/// <summary>
/// Marks the long form of a failure test, which <c>./test.sh --faults</c> runs and nothing else: more rounds of what its short form does every time.
/// Becomes the trait <c>Faults=long</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LongFaultsAttribute : Attribute, ITraitAttribute
{
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("Faults", "long")];
}
