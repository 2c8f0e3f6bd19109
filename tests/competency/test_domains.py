"""The classifier: names with the domain a person would file them under, and the properties of the word list."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency
from competency import SkillDomain, SkillError, classify, domain_penalty
from competency.config import ConfigError
from competency.domains import DomainPenalties, _words

CASES = {
    "finance": [
        "Financial Modeling",
        "Accounts Payable / Receivable",
        "US GAAP",
        "IFRS Reporting",
        "QuickBooks Online",
        "Bank Reconciliation",
        "Month-End Close",
        "Budgeting & Forecasting",
        "P&L Management",
        "Corporate Tax",
        "Internal Audit",
        "Credit Risk Analysis",
        "Equity Research",
        "Bookkeeping",
        "Certified Public Accountant (CPA)",
        "Investment Banking",
        "Cash-Flow Management",
        "General Ledger",
        "DCF Valuation",
        "Anti-Money Laundering (AML)",
        "Mergers & Acquisitions",
    ],
    "marketing": [
        "Go-to-Market Strategy",
        "Email Marketing",
        "Google Ads",
        "Google Analytics",
        "Marketing Analytics",
        "SEO/SEM",
        "Search Engine Optimization (SEO)",
        "Social-Media Management",
        "Content Marketing",
        "Brand Management",
        "Copywriting",
        "Market Research",
        "Facebook Ads Manager",
        "Mailchimp",
        "Pay-Per-Click (PPC)",
        "Influencer Outreach",
        "Digital Advertising",
        "Product Marketing",
        "Marketing Automation (HubSpot)",
        "Public Relations",
        "Customer Segmentation",
    ],
    "sales": [
        "Sales Forecasting",
        "B2B Sales",
        "Cold Calling",
        "Account Management",
        "Salesforce CRM",
        "Lead Generation",
        "Upselling & Cross-Selling",
        "Customer Relationship Management",
        "New Business Development",
        "Inside Sales Rep",
        "Sales Pipeline Management",
        "Retail Sales",
        "Closing Deals",
        "Solution Selling",
        "Key-Account Management",
        "Telemarketing",
        "Territory Management",
        "Customer Service",
        "Sales Presentations",
        "Prospecting",
        "Customer Retention",
    ],
    "hr": [
        "HR Analytics",
        "Talent Acquisition",
        "Payroll Processing",
        "Employee Relations",
        "Onboarding",
        "Performance Appraisals",
        "Compensation & Benefits",
        "Full-Cycle Recruiting",
        "HRIS",
        "Workday HCM",
        "Labor Law",
        "Succession Planning",
        "Diversity & Inclusion",
        "SHRM-CP",
        "Employee Engagement Surveys",
        "Writing Job Descriptions",
        "Technical Recruitment",
        "Training & Development",
        "Benefits Administration",
        "Human-Resources Management",
        "Workforce Planning",
    ],
    "operations": [
        "Assembly Line",
        "Supply Chain Management",
        "Lean Six Sigma (Green Belt)",
        "Inventory Control",
        "Procurement",
        "Quality Control",
        "Logistics Coordination",
        "Warehouse Management",
        "Forklift Operation",
        "Demand Planning",
        "SAP MM",
        "5S",
        "Kaizen",
        "Root-Cause Analysis",
        "Production Planning",
        "Vendor Management",
        "Process Improvement",
        "Just-in-Time (JIT)",
        "ISO 9001:2015",
        "Facilities Management",
        "Order Fulfillment",
    ],
    "software_development": [
        "Django",
        "C++",
        "C#",
        ".NET",
        "Go",
        "HTML",
        "Assembly Language",
        ".NET Core",
        "Node.js",
        "Sr. Java Development",
        "React.js",
        "JavaScript (ES6+)",
        "HTML5/CSS3",
        "Spring Boot",
        "REST APIs",
        "Object-Oriented Programming",
        "Git",
        "PHP / Laravel",
        "Ruby on Rails",
        "Swift",
        "ASP.NET MVC",
        "Unit Testing",
        "Full-Stack Development",
        "C/C++",
        "Python 3.11",
    ],
    "data_science": [
        "AI",
        "R",
        "Random Forest",
        "Machine Learning",
        "Python (Pandas)",
        "Deep-Learning",
        "TensorFlow 2",
        "scikit-learn",
        "Natural Language Processing (NLP)",
        "Data Visualization",
        "Tableau Desktop",
        "Power BI",
        "Statistical Analysis",
        "A/B Testing",
        "Big Data",
        "Apache Spark",
        "Time-Series Forecasting",
        "Data Mining",
        "Computer Vision",
        "R Programming",
        "Predictive Modelling",
    ],
    "it_support": [
        "IT Support",
        "Incident Management",
        "Help Desk",
        "Windows Server 2019",
        "Active Directory",
        "Troubleshooting",
        "Desktop Support",
        "Computer Hardware Repair",
        "ITIL v4",
        "ServiceNow",
        "Network Administration",
        "CompTIA A+",
        "TCP/IP",
        "Printer Installation",
        "Microsoft 365 Administration",
        "Remote Desktop Support",
        "Cisco Routers",
        "DNS/DHCP",
        "System Administration",
        "VMware ESXi",
        "Service Desk (Tier 2)",
    ],
    "devops": [
        "Docker",
        "Kubernetes (K8s)",
        "Terraform",
        "CI/CD",
        "AWS",
        "Microsoft Azure",
        "Google Cloud",
        "Google Cloud Platform (GCP)",
        "Linux Administration",
        "Gitlab CI",
        "Jenkins Pipelines",
        "Ansible",
        "Infrastructure-as-Code",
        "Prometheus/Grafana",
        "Helm Charts",
        "Site Reliability Engineering",
        "AWS Lambda",
        "Shell Scripting",
        "Amazon EC2",
        "GitHub Actions",
        "Continuous Integration",
    ],
    "cybersecurity": [
        "Incident Response",
        "Penetration Testing",
        "SIEM (Splunk)",
        "Network Security",
        "Ethical Hacking",
        "CISSP",
        "Vulnerability Assessment",
        "Firewall Configuration",
        "ISO/IEC 27001",
        "Threat Modeling",
        "Malware Analysis",
        "OWASP Top 10",
        "Identity & Access Management",
        "Cryptography",
        "SOC Analyst",
        "Kali Linux",
        "Digital Forensics",
        "Security Audits",
        "CompTIA Security+",
        "Zero-Trust Architecture",
        "Cyber Security",
    ],
    "leadership": [
        "People Management",
        "Coaching",
        "Mentoring",
        "Delegation",
        "Team Leadership",
        "Strategic Planning",
        "Decision-Making",
        "Team Building",
        "Change Management",
        "Executive Leadership",
        "Supervisory Skills",
        "Staff Supervision",
        "Motivating Teams",
        "Leading Cross-Functional Teams",
        "Crisis Management",
        "Strategic Thinking",
        "Managing People",
        "Team Lead",
    ],
    "communication": [
        "Public Speaking",
        "Negotiation",
        "Active Listening",
        "Written Communication",
        "Verbal & Written Communication",
        "Presentation Skills",
        "Technical Writing",
        "Interpersonal Skills",
        "Conflict Resolution",
        "Storytelling",
        "Report Writing",
        "Cross-Cultural Communication",
        "Translation (EN/FR)",
        "Business English",
        "Teamwork",
        "Proofreading",
        "Spanish",
        "Emotional Intelligence",
    ],
    "project_management": [
        "Agile/Scrum",
        "Kanban",
        "Agile Methodologies",
        "PMP",
        "Jira",
        "Gantt Charts",
        "Project Planning",
        "Stakeholder Management",
        "PRINCE2",
        "Sprint Planning",
        "MS Project",
        "Work Breakdown Structure (WBS)",
        "Scope Management",
        "Product Roadmaps",
        "IT Project Management",
        "Backlog Grooming",
        "Program Management",
        "Certified ScrumMaster (CSM)",
        "Requirements Gathering",
    ],
    "general": [
        "Email",
        "Through",
        "Follow-through",
        "Forest",
        "Forestry",
        "Google",
        "Assembly",
        "Shops",
        "Workshops",
        "R&D",
        "Vitamin C",
        "Airline Ticketing",
        "Maintain",
        "Chronology",
        "Paris",
        "Throughput",
        "Hairdressing",
        "Welding",
        "Phlebotomy",
        "Carpentry",
        "Excel",
        "Time Management",
        "Patient Care",
        "Medical Coding",
        "HVAC Troubleshooting",
        "Weather Forecasting",
        "CNC Programming",
        "Spring Cleaning",
        "Blood Banking",
        "English Literature",
        "Data Entry",
    ],
}

TABLES = tomllib.loads((Path(competency.__file__).parent / "data" / "domains.toml").read_text("utf-8"))


@pytest.mark.parametrize(("name", "domain"), [(name, domain) for domain, names in CASES.items() for name in names])
def test_classify(name, domain):
    assert classify(name) is SkillDomain(domain)


def test_the_table_covers_every_domain():
    assert set(CASES) == set(SkillDomain)
    assert all(len(names) >= 15 for names in CASES.values())


def test_the_word_list_covers_every_domain_but_general():
    assert set(TABLES) == set(SkillDomain) - {"general"}
    terms = [term for table in TABLES.values() for terms in table.values() for term in terms]
    assert len(terms) >= 300
    assert all(_words(term) for term in terms)


@pytest.mark.parametrize("kind", ["terms", "names"])
def test_no_term_stands_twice(kind):
    terms = [_words(term) for table in TABLES.values() for term in table[kind]]
    assert sorted(terms) == sorted(set(terms))


def test_every_term_is_found_in_its_own_domain():
    for domain, table in TABLES.items():
        for term in table["terms"] + table["names"]:
            assert classify(term.upper()) == domain, term


@given(st.sampled_from(TABLES["finance"]["terms"]), st.sampled_from("bcdfgklmnpqrtvwxz"))
def test_parts_of_words_do_not_count(term, letter):
    """A term inside of longer words is not that term."""
    inside = "".join(letter * 3 + word + letter * 3 for word in _words(term))
    assert classify(inside) is SkillDomain.GENERAL


@given(st.text(max_size=60))
def test_any_text_has_a_domain(text):
    assert classify(text) is classify(f"  {text} ")


def test_punctuation_and_case_do_not_matter():
    for name in ("machine learning", "Machine-Learning", "MACHINE_LEARNING", "(machine/learning)"):
        assert classify(name) is SkillDomain.DATA_SCIENCE


def test_the_longest_match_wins_and_of_equal_ones_the_first():
    assert classify("Payroll Python Machine Learning") is SkillDomain.DATA_SCIENCE
    assert classify("Docker Python") is SkillDomain.DEVOPS
    assert classify("Python Docker") is SkillDomain.SOFTWARE_DEVELOPMENT


PENALTIES = [
    ("hr", "hr", 0.0),
    ("general", "general", 0.0),
    ("software_development", "data_science", 0.15),
    ("software_development", "devops", 0.10),
    ("data_science", "devops", 0.60),
    ("marketing", "sales", 0.20),
    ("leadership", "finance", 0.30),
    ("leadership", "communication", 0.30),
    ("project_management", "general", 0.30),
    ("general", "hr", 0.20),
    ("finance", "hr", 0.60),
]


@pytest.mark.parametrize(("a", "b", "penalty"), PENALTIES)
def test_domain_penalty(a, b, penalty):
    assert domain_penalty(a, b) == domain_penalty(SkillDomain(b), SkillDomain(a)) == penalty


def test_domain_penalty_of_no_domain():
    with pytest.raises(SkillError, match=r"^unknown domain 'cooking'"):
        domain_penalty("hr", "cooking")


def test_a_custom_distance():
    penalties = DomainPenalties(related=((SkillDomain.HR, SkillDomain.FINANCE, 0.4),))
    assert penalties.between(SkillDomain.FINANCE, SkillDomain.HR) == 0.4
    with pytest.raises(ConfigError, match=r"^domain penalty -1: "):
        DomainPenalties(related=((SkillDomain.HR, SkillDomain.FINANCE, -1),))
